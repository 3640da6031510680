use spatten_gen::config::{Config, Params};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let mut p = Params::clone(&Config::default());
    p.parallelism = a[2].parse().unwrap();
    if let Some(l) = a.get(3) {
        p.ram_latency = l.parse().unwrap();
    }
    let c = Config::try_from(p).unwrap_or_else(|e| panic!("{e}"));
    for s in spatten_gen::rtl::sources(&c).unwrap() {
        std::fs::write(format!("{}/{}.v", a[1], s.module), s.text).unwrap();
    }
}
