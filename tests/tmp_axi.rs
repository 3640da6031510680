use spatten_gen::bench::{self, BENCHES};
use spatten_gen::sim::Builder;
#[test]
fn faults() {
    let builder = Builder::new().unwrap();
    let only = std::env::var("ONLY").unwrap();
    let find = std::env::var("FAULT").unwrap_or_default();
    for bench in BENCHES.iter().filter(|b| only.split(',').any(|o| o == b.block())) {
        for mutant in bench.mutants().iter().filter(|m| m.name.contains(&find)) {
            match bench::kill(&builder, *bench, mutant, 28) {
                Ok(Some(f)) => println!(
                    "killed   {}: {} at {} seed {}: {}",
                    bench.block(),
                    mutant.name,
                    f.point,
                    f.seed,
                    f.finding.details[0]
                ),
                Ok(None) => println!("SURVIVED {}: {mutant}", bench.block()),
                Err(e) => println!("ERROR    {}: {e:#}", bench.block()),
            }
        }
    }
}
