//! Parameter-shaped combinational logic: a small builder over RustHDL's Verilog syntax tree, and the networks that
//! blocks share.
//!
//! What a generate loop says better belongs in the template. What depends on the shape of a configuration (a network
//! whose wiring changes with the number of lanes) is built here as a [`Block`] and printed by [`Block::always`]:
//!
//! ```
//! use spatten_gen::rtl::logic::{Block, constant, signal};
//!
//! let mut block = Block::new();
//! block.assign(signal("next"), signal("count"));
//! block.if_else(
//!     signal("push").and(!signal("pop")),
//!     |then| then.assign(signal("next"), signal("count") + constant(4, 1)),
//!     |_| (),
//! );
//! assert_eq!(block.always(), "\
//! always @(*) begin
//!   next = count;
//!   if (push && ~pop) begin
//!     next = count + 4'd1;
//!   end
//! end
//! ");
//! ```

use rust_hdl::core::ast::{
    VerilogBlock, VerilogBlockOrConditional, VerilogConditional, VerilogExpression, VerilogOp,
    VerilogOpUnary, VerilogStatement,
};
use rust_hdl::core::verilog_gen::verilog_combinatorial;

/// A Verilog expression. Operands that are themselves operations are put in parentheses.
#[derive(Clone, Debug)]
pub struct Expr(VerilogExpression);

/// The signal, parameter or localparam called `name`.
pub fn signal(name: impl Into<String>) -> Expr {
    Expr(VerilogExpression::Signal(name.into()))
}

/// The unsigned constant `value` of `width` bits, printed in decimal.
pub fn constant(width: u32, value: u64) -> Expr {
    debug_assert!(
        width >= 64 || value >> width == 0,
        "{value} does not fit {width} bits"
    );
    // The tree's own literals take their width from a Rust type, not from a run-time value.
    signal(format!("{width}'d{value}"))
}

impl Expr {
    /// `self[index]`.
    pub fn index(self, index: u32) -> Expr {
        Expr(VerilogExpression::Index(
            Box::new(self.0),
            Box::new(signal(index.to_string()).0),
        ))
    }

    /// `self[offset +: width]`.
    pub fn slice(self, offset: u32, width: u32) -> Expr {
        Expr(VerilogExpression::Slice(
            Box::new(self.0),
            width as usize,
            Box::new(signal(offset.to_string()).0),
        ))
    }

    /// Lane `lane` of a vector whose lanes are as wide as the Verilog parameter `width`:
    /// `self[lane * width +: width]`.
    pub fn part(self, lane: u32, width: &str) -> Expr {
        // The tree takes widths as numbers only; `tidy` puts the parameter's name back.
        Expr(VerilogExpression::Slice(
            Box::new(self.0),
            PARAMETER_WIDTH,
            Box::new(signal(format!("{lane} * {width}")).0),
        ))
    }

    /// `self && other`.
    pub fn and(self, other: Expr) -> Expr {
        self.binary(VerilogOp::LogicalAnd, other)
    }

    /// `self || other`.
    pub fn or(self, other: Expr) -> Expr {
        self.binary(VerilogOp::LogicalOr, other)
    }

    /// `self == other`.
    pub fn equals(self, other: Expr) -> Expr {
        self.binary(VerilogOp::Eq, other)
    }

    /// `self > other`.
    pub fn greater(self, other: Expr) -> Expr {
        self.binary(VerilogOp::Gt, other)
    }

    /// `self >= other`.
    pub fn at_least(self, other: Expr) -> Expr {
        self.binary(VerilogOp::Ge, other)
    }

    /// `self < other`.
    pub fn less(self, other: Expr) -> Expr {
        self.binary(VerilogOp::Lt, other)
    }

    /// `|self`.
    pub fn any(self) -> Expr {
        Expr(VerilogExpression::Unary(
            VerilogOpUnary::Any,
            Box::new(self.operand()),
        ))
    }

    /// `&self`.
    pub fn all(self) -> Expr {
        Expr(VerilogExpression::Unary(
            VerilogOpUnary::All,
            Box::new(self.operand()),
        ))
    }

    fn binary(self, op: VerilogOp, other: Expr) -> Expr {
        Expr(VerilogExpression::Binary(
            Box::new(self.operand()),
            op,
            Box::new(other.operand()),
        ))
    }

    fn operand(self) -> VerilogExpression {
        match self.0 {
            VerilogExpression::Binary(..) => VerilogExpression::Paren(Box::new(self.0)),
            simple => simple,
        }
    }
}

macro_rules! operators {
    ($($trait:ident :: $method:ident => $op:ident;)*) => {$(
        impl std::ops::$trait for Expr {
            type Output = Expr;
            fn $method(self, other: Expr) -> Expr {
                self.binary(VerilogOp::$op, other)
            }
        }
    )*};
}

operators! {
    Add::add => Add;
    Sub::sub => Sub;
    Mul::mul => Mul;
    BitAnd::bitand => BitAnd;
    BitOr::bitor => BitOr;
    BitXor::bitxor => BitXor;
    Shl::shl => Shl;
    Shr::shr => Shr;
}

impl std::ops::Not for Expr {
    type Output = Expr;
    fn not(self) -> Expr {
        Expr(VerilogExpression::Unary(
            VerilogOpUnary::Not,
            Box::new(self.operand()),
        ))
    }
}

/// Statements of a combinational block.
#[derive(Clone, Debug, Default)]
pub struct Block(VerilogBlock);

impl Block {
    /// No statements.
    pub fn new() -> Self {
        Self::default()
    }

    /// A one-line comment.
    pub fn comment(&mut self, text: impl Into<String>) {
        self.0.push(VerilogStatement::Comment(text.into()));
    }

    /// `target = value;` — the target is a signal, an index or a slice.
    pub fn assign(&mut self, target: Expr, value: Expr) {
        self.0.push(VerilogStatement::Assignment(target.0, value.0));
    }

    /// `if (test) ... else ...`; no `else` where `otherwise` adds nothing.
    pub fn if_else(&mut self, test: Expr, then: impl FnOnce(&mut Block), otherwise: impl FnOnce(&mut Block)) {
        let (mut yes, mut no) = (Block::new(), Block::new());
        then(&mut yes);
        otherwise(&mut no);
        let otherwise = match no.0.as_slice() {
            [] => VerilogBlockOrConditional::None,
            [VerilogStatement::If(_)] => VerilogBlockOrConditional::Conditional(Box::new(no.0.remove(0))),
            _ => VerilogBlockOrConditional::Block(no.0),
        };
        self.0.push(VerilogStatement::If(VerilogConditional {
            test: test.0,
            then: yes.0,
            otherwise,
        }));
    }

    /// The block as `always @(*) begin ... end`.
    pub fn always(&self) -> String {
        tidy(&verilog_combinatorial(&self.0))
    }
}

/// Stands in the tree for a width that is a Verilog parameter; no vector is that wide.
const PARAMETER_WIDTH: usize = usize::MAX;

/// `[3 * KEY_W +: <stand-in>]` with the parameter's name, the last word of the offset, for each stand-in.
fn name_parameter_widths(line: &str) -> String {
    let stand_in = format!("+: {PARAMETER_WIDTH}]");
    let mut pieces = line.split(stand_in.as_str());
    let mut named = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let name = named
            .split_whitespace()
            .next_back()
            .unwrap_or_default()
            .to_owned();
        named.push_str(&format!("+: {name}]{piece}"));
    }
    named
}

/// Brings the printer's text into the style of the templates: two spaces, `end else`, `a[3 +: 12]`.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let code = line.trim_start();
        if code.starts_with("else ") && tidy.ends_with("end\n") {
            tidy.pop();
            tidy.push(' ');
        } else {
            tidy.extend(std::iter::repeat_n(' ', (line.len() - code.len()) / 2));
        }
        // Offsets and widths are plain numbers or names, so no parenthesis inside them is touched.
        let code = code.replace("[(", "[").replace(")+:(", " +: ").replace(")]", "]");
        tidy.push_str(&name_parameter_widths(&code));
        tidy.push('\n');
    }
    tidy
}

/// A flat vector of equal lanes, lane 0 in the low bits.
#[derive(Clone, Debug)]
pub struct Lanes {
    /// Signal name.
    pub name: String,
    /// How many lanes; at least 1.
    pub lanes: u32,
    /// Bits of a lane; at least 1.
    pub width: u32,
}

impl Lanes {
    /// `lanes` lanes of `width` bits in the signal `name`.
    pub fn new(name: impl Into<String>, lanes: u32, width: u32) -> Self {
        Lanes {
            name: name.into(),
            lanes,
            width,
        }
    }

    /// Bits of the whole vector.
    pub fn bits(&self) -> u32 {
        self.lanes * self.width
    }

    /// Lane `lane`, whole.
    pub fn lane(&self, lane: u32) -> Expr {
        self.low(lane, self.width)
    }

    /// The low `width` bits of lane `lane`.
    pub fn low(&self, lane: u32, width: u32) -> Expr {
        let (base, offset) = (signal(&self.name), lane * self.width);
        if width == 1 {
            base.index(offset)
        } else {
            base.slice(offset, width)
        }
    }
}

/// Bits that hold the sum of `lanes` unsigned numbers of `width` bits.
pub fn sum_width(lanes: u32, width: u32) -> u32 {
    let largest = u128::from(lanes) * ((1u128 << width) - 1);
    128 - largest.leading_zeros()
}

/// Inclusive prefix sums over the lanes of `input`: lane `i` of the returned vector `output` is the sum of lanes
/// `0 ..= i`, so that its last lane is the total (a population count for lanes of one bit).
///
/// Sklansky's network: `ceil(log2 lanes)` adders deep. Every lane of `output` has [`sum_width`] bits; it must be declared
/// as a `reg` of [`Lanes::bits`].
pub fn prefix_sum(block: &mut Block, input: &Lanes, output: impl Into<String>) -> Lanes {
    prefix_sum_modulo(block, input, output, sum_width(input.lanes, input.width))
}

/// As [`prefix_sum`], modulo `2^width`: every lane of `output` has `width` bits, at least those of a lane of `input`.
pub fn prefix_sum_modulo(block: &mut Block, input: &Lanes, output: impl Into<String>, width: u32) -> Lanes {
    let sums = Lanes::new(output, input.lanes, width);
    block.assign(signal(&sums.name), constant(sums.bits(), 0));
    for lane in 0..input.lanes {
        block.assign(sums.low(lane, input.width), input.lane(lane));
    }
    for level in 0..levels(input.lanes) {
        let span = 1 << level;
        let width = sums.width.min(input.width + level + 1);
        for lane in (0..input.lanes).filter(|lane| lane & span != 0) {
            // The last lane of the half below holds the sum of that whole half, and is not written at this level.
            let below = (lane & !(2 * span - 1)) + span - 1;
            block.assign(
                sums.low(lane, width),
                sums.low(lane, width) + sums.low(below, width),
            );
        }
    }
    sums
}

/// A balanced tree of adders over the lanes of `input`, `ceil(log2 lanes)` deep: level `i` of the returned vectors is
/// called `<name>_<i>`, has half the lanes of the one before, each one bit wider, and must be declared as a `reg` of
/// [`Lanes::bits`]. The last level has one lane, the sum. No level where `input` has one lane: it is the sum.
pub fn sum_tree(block: &mut Block, input: &Lanes, name: &str) -> Vec<Lanes> {
    let mut tree: Vec<Lanes> = Vec::new();
    for level in 0..levels(input.lanes) {
        let from = tree.last().unwrap_or(input).clone();
        let to = Lanes::new(format!("{name}_{level}"), from.lanes.div_ceil(2), from.width + 1);
        for lane in 0..from.lanes / 2 {
            block.assign(to.lane(lane), from.lane(2 * lane) + from.lane(2 * lane + 1));
        }
        if from.lanes % 2 == 1 {
            let lane = to.lanes - 1;
            let top = signal(&to.name).index(to.bits() - 1);
            block.assign(to.low(lane, from.width), from.lane(from.lanes - 1));
            block.assign(top, constant(1, 0));
        }
        tree.push(to);
    }
    tree
}

/// What [`reduce`] combines two lanes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Largest of unsigned lanes.
    Max,
    /// Smallest of unsigned lanes.
    Min,
}

/// A balanced tree over the lanes of `input`, `ceil(log2 lanes)` operators deep. The result is lane 0 of the returned
/// scratch vector `tree`, which must be declared as a `reg` of [`Lanes::bits`].
pub fn reduce(block: &mut Block, reduction: Reduction, input: &Lanes, tree: impl Into<String>) -> Lanes {
    let tree = Lanes::new(tree, input.lanes, input.width);
    block.assign(signal(&tree.name), signal(&input.name));
    for level in 0..levels(input.lanes) {
        let span = 1 << level;
        for lane in (0..input.lanes - span).step_by(2 * span as usize) {
            let other = lane + span;
            let (smaller, larger) = match reduction {
                Reduction::Max => (lane, other),
                Reduction::Min => (other, lane),
            };
            block.if_else(
                tree.lane(smaller).less(tree.lane(larger)),
                |then| then.assign(tree.lane(lane), tree.lane(other)),
                |_| (),
            );
        }
    }
    tree
}

/// Levels of a balanced binary network over `lanes` lanes.
fn levels(lanes: u32) -> u32 {
    lanes.next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Runs the statements of a block over signals held as lists of bits, lowest first.
    struct Machine(HashMap<String, Vec<bool>>);

    impl Machine {
        fn lanes(&mut self, name: &str, width: u32, values: &[u64]) {
            let bits = values
                .iter()
                .flat_map(|value| (0..width).map(move |bit| value >> bit & 1 == 1));
            self.0.insert(name.into(), bits.collect());
        }

        fn run(&mut self, block: &[VerilogStatement]) {
            for statement in block {
                match statement {
                    VerilogStatement::Assignment(target, value) => {
                        let (name, offset, width) = self.place(target);
                        let value = self.eval(value);
                        for bit in 0..width {
                            self.0.get_mut(&name).unwrap()[offset + bit] =
                                value.checked_shr(bit as u32).unwrap_or(0) & 1 == 1;
                        }
                    }
                    VerilogStatement::If(conditional) if self.eval(&conditional.test) != 0 => {
                        self.run(&conditional.then);
                    }
                    VerilogStatement::If(_) | VerilogStatement::Comment(_) => (),
                    other => panic!("{other:?}"),
                }
            }
        }

        fn place(&self, target: &VerilogExpression) -> (String, usize, usize) {
            match target {
                VerilogExpression::Signal(name) => (name.clone(), 0, self.0[name].len()),
                VerilogExpression::Index(base, index) => (self.place(base).0, self.eval(index) as usize, 1),
                VerilogExpression::Slice(base, width, offset) => {
                    (self.place(base).0, self.eval(offset) as usize, *width)
                }
                other => panic!("{other:?}"),
            }
        }

        fn eval(&self, expression: &VerilogExpression) -> u128 {
            match expression {
                VerilogExpression::Signal(text) if text.contains('\'') => {
                    text.split_once("'d").unwrap().1.parse().unwrap()
                }
                VerilogExpression::Signal(text) if text.parse::<u128>().is_ok() => text.parse().unwrap(),
                VerilogExpression::Binary(left, op, right) => {
                    let (left, right) = (self.eval(left), self.eval(right));
                    match op {
                        VerilogOp::Add => left + right,
                        VerilogOp::Lt => u128::from(left < right),
                        other => panic!("{other:?}"),
                    }
                }
                place => {
                    let (name, offset, width) = self.place(place);
                    let bits = &self.0[&name][offset..offset + width];
                    bits.iter()
                        .rev()
                        .fold(0, |value, &bit| value << 1 | u128::from(bit))
                }
            }
        }

        fn lane(&self, lanes: &Lanes, lane: u32) -> u64 {
            self.eval(&lanes.lane(lane).0) as u64
        }
    }

    /// Runs `build` on the given lanes and returns the lanes of its result.
    fn evaluate(width: u32, values: &[u64], build: impl Fn(&mut Block, &Lanes) -> Lanes) -> Vec<u64> {
        let mut block = Block::new();
        let output = build(&mut block, &Lanes::new("in", values.len() as u32, width));
        let mut machine = Machine(HashMap::new());
        machine.lanes("in", width, values);
        // What was there must not matter.
        machine.0.insert("out".into(), vec![true; output.bits() as usize]);
        machine
            .0
            .extend((0..6).map(|level| (format!("out_{level}"), vec![true; 512])));
        machine.run(&block.0);
        (0..output.lanes)
            .map(|lane| machine.lane(&output, lane))
            .collect()
    }

    /// Widths and values; all lanes together fit the machine's words of 128 bits.
    fn rows() -> impl Strategy<Value = (u32, Vec<u64>)> {
        (1u32..=4).prop_flat_map(|width| (Just(width), prop::collection::vec(0..1u64 << width, 1..=32)))
    }

    proptest! {
        #[test]
        fn prefix_sums_are_the_running_sums((width, values) in rows()) {
            let sums = evaluate(width, &values, |block, input| prefix_sum(block, input, "out"));
            let mut running = 0;
            let expected: Vec<u64> = values.iter().map(|value| { running += value; running }).collect();
            prop_assert_eq!(sums, expected);
        }

        #[test]
        fn trees_reduce_to_the_sum_the_largest_and_the_smallest((width, values) in rows()) {
            let tree = |reduction| {
                evaluate(width, &values, |block, input| reduce(block, reduction, input, "out"))[0]
            };
            let sum = evaluate(width, &values, |block, input| sum_tree(block, input, "out").pop().unwrap_or(input.clone()));
            prop_assert_eq!(sum, [values.iter().sum::<u64>()]);
            prop_assert_eq!(tree(Reduction::Max), *values.iter().max().unwrap());
            prop_assert_eq!(tree(Reduction::Min), *values.iter().min().unwrap());
        }
    }

    #[test]
    fn the_text_of_a_network_reads_as_if_written_by_hand() {
        let mut block = Block::new();
        block.comment("Elements kept so far.");
        prefix_sum(&mut block, &Lanes::new("keep", 4, 1), "count");
        assert_eq!(
            block.always(),
            "\
always @(*) begin
  // Elements kept so far.
  count = 12'd0;
  count[0] = keep[0];
  count[3] = keep[1];
  count[6] = keep[2];
  count[9] = keep[3];
  count[3 +: 2] = count[3 +: 2] + count[0 +: 2];
  count[9 +: 2] = count[9 +: 2] + count[6 +: 2];
  count[6 +: 3] = count[6 +: 3] + count[3 +: 3];
  count[9 +: 3] = count[9 +: 3] + count[3 +: 3];
end
"
        );
    }

    #[test]
    fn nested_operations_have_parentheses_and_conditions_chain() {
        let mut block = Block::new();
        block.if_else(
            (signal("a") + signal("b")).less(constant(8, 200)),
            |then| then.assign(signal("y"), !(signal("a") ^ signal("b"))),
            |otherwise| {
                otherwise.if_else(
                    signal("a").any(),
                    |then| then.assign(signal("y"), signal("a").slice(2, 4)),
                    |otherwise| otherwise.assign(signal("y"), signal("b")),
                );
            },
        );
        assert_eq!(
            block.always(),
            "\
always @(*) begin
  if ((a + b) < 8'd200) begin
    y = ~(a ^ b);
  end else if (|a) begin
    y = a[2 +: 4];
  end else begin
    y = b;
  end
end
"
        );
    }

    #[test]
    fn sums_have_just_the_bits_they_need() {
        assert_eq!((sum_width(1, 1), sum_width(2, 1), sum_width(4, 1)), (1, 2, 3));
        assert_eq!((sum_width(16, 12), sum_width(3, 2), sum_width(64, 1)), (16, 4, 7));
    }
}
