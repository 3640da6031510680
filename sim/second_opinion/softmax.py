"""The integer softmax of docs/softmax.md."""

METHODS = ("poly5", "table")

# c1 .. c5 of `poly5` for each probability width.
COEFFICIENTS = {
    8: (2838, 985, 228, 37, 4),
    9: (5675, 1969, 457, 75, 8),
    10: (11356, 3935, 906, 151, 16),
    11: (22713, 7871, 1814, 304, 32),
    12: (45425, 15743, 3626, 605, 64),
    13: (90852, 31485, 7260, 1219, 129),
    14: (181702, 62969, 14517, 2435, 256),
    15: (363408, 125938, 29033, 4870, 511),
    16: (726816, 251874, 58062, 9740, 1023),
}


def poly5(prob_width):
    """2^-f for F fraction bits of f, to G fraction bits, by the polynomial of degree five."""
    f_bits, one = prob_width + 2, 1 << (prob_width + 4)
    c1, c2, c3, c4, c5 = COEFFICIENTS[prob_width]

    def fraction(f):
        h4 = c4 - (((f >> 6) * c5) >> (f_bits - 6))
        h3 = c3 - (((f >> 4) * h4) >> (f_bits - 4))
        h2 = c2 - (((f >> 2) * h3) >> (f_bits - 2))
        h1 = c1 - ((f * h2) >> f_bits)
        return one - ((f * h1 + (1 << (f_bits - 1))) >> f_bits)

    return fraction


def samples(prob_width):
    """T[i] = round(2^(G - i / 2^t)) for i = 0 .. 2^t, t = ceil(P / 2) - 1.

    A number v is nearest to the real one when (2 v - 1)^(2^t) < 2^((G + 1) 2^t - i) < (2 v + 1)^(2^t): found by
    bisection in whole numbers. (A tie would be an odd number's power equal to a power of two.)
    """
    t, g_bits = -(-prob_width // 2) - 1, prob_width + 4
    degree = 1 << t
    found = []
    for i in range(degree + 1):
        target = 1 << ((g_bits + 1) * degree - i)
        low, high = 0, 1 << g_bits
        while low < high:
            middle = (low + high + 1) // 2
            if (2 * middle - 1) ** degree < target:
                low = middle
            else:
                high = middle - 1
        found.append(low)
    return found


def table(prob_width):
    """2^-f by linear interpolation between samples."""
    t = -(-prob_width // 2) - 1
    rest = prob_width + 2 - t
    points = samples(prob_width)

    def fraction(f):
        i, r = f >> rest, f & ((1 << rest) - 1)
        return points[i] - ((r * (points[i] - points[i + 1]) + (1 << (rest - 1))) >> rest)

    return fraction


class Softmax:
    """Softmax of integer scores at probability width P, by the method `poly5` or `table`."""

    def __init__(self, prob_width, method):
        self.p = prob_width
        self.f = prob_width + 2
        self.g = prob_width + 4
        self.b = prob_width + 3
        self.m = prob_width + 5
        self.e = prob_width + 16
        self.fraction = {"poly5": poly5, "table": table}[method](prob_width)
        # e of every scaled difference met so far; ZERO is kept as the number 32 octaves.
        self.zero = 1 << (self.f + 5)
        self.exponentials = {self.zero: 0}

    def exp2(self, y):
        octave, f = y >> self.f, y & ((1 << self.f) - 1)
        return (self.fraction(f) << (self.e - self.g)) >> octave

    def scaled(self, differences, scale, shift):
        """Scaled differences: F fraction bits, or ZERO."""
        if scale == 0:
            m, s = 0, 62
        else:
            leading = 16 - scale.bit_length()
            m, s = scale << leading, shift + leading
        up, zero = self.f + 17, self.zero
        lost = 1 << (self.f + 7)
        found = []
        for d in differences:
            x = (d << up) >> s
            y = zero if x >= lost else (x * m) >> 17
            found.append(y if y < zero else zero)
        return found

    def reciprocal(self, total):
        octave = total.bit_length() - 1 - self.e
        s = total >> (self.e + octave - self.m)
        quotient = (1 << (self.m + self.b + 1)) // s
        return ((quotient >> octave) + 1) >> 1

    def exponentials_of(self, scores, scale, shift):
        maximum = max(scores)
        known = self.exponentials
        found = []
        for y in self.scaled([maximum - score for score in scores], scale, shift):
            e = known.get(y)
            if e is None:
                e = known[y] = self.exp2(y)
            found.append(e)
        return found

    def probabilities(self, scores, scale, shift):
        exponentials = self.exponentials_of(scores, scale, shift)
        recip = self.reciprocal(sum(exponentials))
        cut, down = self.e - self.b, 2 * self.b - self.p
        half, top = 1 << (down - 1), (1 << self.p) - 1
        found = [((e >> cut) * recip + half) >> down for e in exponentials]
        return [x if x < top else top for x in found]

    # The model takes the maximum of the row it computed. What follows is the page's shorter way to the same number.

    def total(self, scores, scale, shift):
        return sum(self.exponentials_of(scores, scale, shift))

    def largest(self, total):
        return min((1 << self.p) - 1, (self.reciprocal(total) + 4) >> 3)

    def below(self, total, threshold):
        octave = total.bit_length() - 1 - self.e
        s = total >> (self.e + octave - self.m)
        return threshold > 0 and ((16 * threshold - 9) * s) << octave > 1 << (self.m + self.b + 1)
