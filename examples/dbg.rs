use rand::SeedableRng;
use spatten_gen::bench::{self, Bench, Random};
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let b = bench::bench("topk_engine").unwrap();
    let p = &b.points().unwrap()[0];
    let i = spatten_gen::rtl::module("topk_engine")
        .unwrap()
        .interface(&p.config, &p.parameters);
    let c = b
        .case(p, &i, a[1] as usize + 1, &mut Random::seed_from_u64(a[0]))
        .unwrap();
    let s = c.stream("push");
    let mut row = 0;
    let mut v = vec![];
    for beat in 0..s.len() {
        let n = s.value(beat, "count") as usize;
        v.extend(s.lanes(beat, "keys")[..n].to_vec());
        if s.value(beat, "last") == 1 {
            let mut w = v.clone();
            w.sort();
            w.reverse();
            let k = s.value(beat, "k") as usize;
            println!(
                "row {row} n {} k {k} thr {:?} gt {}",
                v.len(),
                w.get(k.wrapping_sub(1)),
                w.iter()
                    .filter(|&&x| k > 0 && k <= w.len() && x > w[k - 1])
                    .count()
            );
            if row == a[1] {
                println!("{v:?}");
            }
            v.clear();
            row += 1;
        }
    }
}
