//! What the host sees of the core beside commands that run: each malformed field, settings, interrupts, counters.

use super::{is_well, layer, only_command, ready, tiny};
use spatten_gen::bench::system::{OKAY, Rig, SLVERR, error_code};
use spatten_gen::golden::cascade::Prune;
use spatten_gen::golden::command::*;
use spatten_gen::golden::planes::Region;
use spatten_gen::sim::system::{Access, MemoryModel};

/// A prune that leaves no token.
const NOTHING: Prune = Prune {
    k: 0,
    first: 0,
    last: 0,
};

/// Every field of a command that can be wrong, made wrong; the error that must be reported.
fn malformed(rig: &Rig) -> Vec<(&'static str, &'static str, LayerCommand)> {
    let config = &rig.config;
    let summarise = only_command(&layer(config, 1, Mode::Summarisation)).clone();
    let generate = only_command(&layer(config, 1, Mode::Generation)).clone();
    let mut all = Vec::new();
    let mut add = |code, what, right: &LayerCommand, change: &dyn Fn(&mut LayerCommand)| {
        let mut command = right.clone();
        change(&mut command);
        all.push((code, what, command));
    };
    for dim in [0, 31, 33, 48, 2 * config.head_dim, 0xffff] {
        add("head_dim", "D", &summarise, &|c| c.head_dim = dim);
    }
    for group in [0, config.max_heads + 1, 0xffff] {
        add("group", "group", &summarise, &|c| c.group = group);
    }
    for (msb, lsb) in [(0, 1), (config.width, 1), (1, config.width), (255, 255), (0, 0)] {
        add("key_bits", "key bits", &summarise, &|c| {
            (c.keys.msb, c.keys.lsb) = (msb, lsb);
        });
        add("value_bits", "value bits", &generate, &|c| {
            (c.values.msb, c.values.lsb) = (msb, lsb);
        });
    }
    for mode in [KeyMode::Auto, KeyMode::Mask] {
        add("key_mode", "key mode", &summarise, &|c| c.keys.mode = mode);
    }
    add("value_mode", "value mode", &summarise, &|c| {
        c.values.mode = ValueMode::WithRow;
    });
    if config.prob_width < 16 {
        for threshold in [1 << config.prob_width, 0x8000] {
            add("threshold", "threshold", &generate, &|c| {
                c.keys.threshold = threshold;
            });
        }
    }
    for ratio in [65537, 1 << 17, u32::MAX] {
        add("ratio", "ratio", &summarise, &|c| c.values.ratio = ratio);
    }
    for shift in [48, 63, 64, 255] {
        add("scale_shift", "scale", &summarise, &|c| c.scale.shift = shift);
        add("output_shift", "output scale", &summarise, &|c| {
            c.output.shift = shift;
        });
    }
    for shift in [32, 64, 255] {
        add("head_shift", "head shift", &summarise, &|c| {
            c.accumulate.head_shift = shift;
        });
        add("importance_scale", "scale of tokens", &summarise, &|c| {
            c.tokens.scale = shift;
        });
        add("importance_scale", "scale of heads", &summarise, &|c| {
            c.heads.scale = shift;
        });
    }
    type Part = fn(&mut Regions) -> &mut Region;
    let regions: [(&str, Part); 6] = [
        ("Q", |r| &mut r.q),
        ("K MSB", |r| &mut r.k_msb),
        ("K LSB", |r| &mut r.k_lsb),
        ("V MSB", |r| &mut r.v_msb),
        ("V LSB", |r| &mut r.v_lsb),
        ("outputs", |r| &mut r.out),
    ];
    for (what, part) in regions {
        for off in 1..4 {
            add("alignment", what, &summarise, &|c| {
                part(&mut c.regions).base += off
            });
            add("alignment", what, &summarise, &|c| {
                part(&mut c.regions).head_stride += off;
            });
            add("alignment", what, &summarise, &|c| {
                part(&mut c.regions).token_stride += off;
            });
        }
    }
    for query in [48, 49, 0xffff] {
        add("query", "query", &generate, &|c| c.query = query);
    }
    add("empty_tokens", "prune of tokens", &summarise, &|c| {
        c.tokens.prune_before = Some(NOTHING);
    });
    add("empty_heads", "prune of heads", &summarise, &|c| {
        c.heads.prune_before = Some(HeadPrune { k: 0 });
    });
    all
}

/// Each malformed field is reported and changes nothing, and what comes behind it runs.
pub fn each_malformed_field(rig: &Rig) {
    let case = layer(&rig.config, 1, Mode::Summarisation);
    let mut host = ready(rig, &case, &MemoryModel::default());
    host.ring().unwrap();
    assert!(host.drain().unwrap().is_empty());
    let before = host.state().unwrap();
    host.written().unwrap();
    let all = malformed(rig);
    for (index, (code, what, command)) in all.iter().enumerate() {
        host.program(command).unwrap();
        assert_eq!(host.ring().unwrap(), OKAY, "{what}");
        let codes = host.drain().unwrap_or_else(|error| panic!("{what}: {error}"));
        let names: Vec<_> = codes.iter().map(|&code| error_code(code).0).collect();
        assert_eq!(names, [*code], "{what}: {command:?}");
        let status = host.status().unwrap();
        assert!(
            status.error && !status.undefined && !status.busy,
            "{what}: {status:?}"
        );
        assert_eq!(error_code(host.read("error").unwrap()).0, *code, "{what}");
        host.poke("control", &[("clear", 1)]).unwrap();
        assert_eq!(host.status().unwrap().word, 0, "{what}");
        assert_eq!(host.read("error").unwrap(), 0, "{what}");
        if index % 16 == 0 || index + 1 == all.len() {
            assert_eq!(host.state().unwrap(), before, "{what}");
            assert!(host.written().unwrap().is_empty(), "{what}");
        }
    }
    // Modes that no command of the golden model has.
    let modes = [("value_mode", 3u32)];
    host.program(only_command(&layer(&rig.config, 1, Mode::Generation)))
        .unwrap();
    for (name, value) in modes {
        host.poke("mode", &[("generation", 1), (name, value)]).unwrap();
        assert_eq!(host.ring().unwrap(), OKAY);
        let codes = host.drain().unwrap();
        assert_eq!(codes.len(), 1, "{name} {value}");
        assert_eq!(error_code(codes[0]).0, name);
        host.poke("control", &[("clear", 1)]).unwrap();
    }
    host.reset().unwrap();
    is_well(rig, &mut host, 2, "malformed commands");
}

/// L and H that are too large are told; what the host wrote stays.
pub fn sizes_that_do_not_fit(rig: &Rig) {
    let (tokens, heads) = (rig.config.max_tokens, rig.config.max_heads);
    let case = layer(&rig.config, 1, Mode::Summarisation);
    for (name, most, reset) in [("length", tokens, 48), ("heads", heads, 4)] {
        let mut host = ready(rig, &case, &MemoryModel::default());
        for (value, code) in [(most + 1, "length"), (0xffff, "length"), (0, "empty")] {
            host.poke(name, &[("value", value)]).unwrap();
            assert_eq!(host.read(name).unwrap(), value);
            host.ring().unwrap();
            let codes = host.drain().unwrap();
            assert_eq!(codes.len(), 1, "{name} {value}");
            assert!(
                error_code(codes[0]).0.starts_with(code),
                "{name} {value}: {codes:?}"
            );
            host.poke("control", &[("clear", 1)]).unwrap();
        }
        host.poke(name, &[("value", reset)]).unwrap();
        host.ring().unwrap();
        assert!(host.drain().unwrap().is_empty(), "{name}");
    }
    // Lists that are too long, out of order, or have ids that are too large.
    for (list, length, code) in [
        ("token_list", "kept_tokens", "token_list"),
        ("head_list", "kept_heads", "head_list"),
    ] {
        let mut host = ready(rig, &case, &MemoryModel::default());
        host.ring().unwrap();
        assert!(host.drain().unwrap().is_empty());
        let mut command = only_command(&case).clone();
        (command.tokens.reset, command.heads.reset) = (false, false);
        let mut emptying = command.clone();
        emptying.tokens.prune_before = Some(NOTHING);
        let offset = host.window(list);
        let most = if list == "token_list" { 48 } else { 4 };
        let bad: [&[u32]; 6] = [
            &[1, 1, 2, 3],
            &[0, 1, 3, 2],
            &[0, 1, 2, most],
            &[0x10000, 1, 2, 3],
            &[0x8000_0000, 1, 2, 3],
            &[3, 2, 1, 0],
        ];
        for entries in bad {
            let writes: Vec<Access> = (0..)
                .zip(entries)
                .map(|(i, &v)| Access::Write(offset + 4 * i, v))
                .collect();
            host.system.access(&writes).unwrap();
            host.poke(length, &[("value", 4)]).unwrap();
            // Twice: a list that was refused is looked at again. It is told before what the command would leave of it.
            for command in [&command, &command, &emptying] {
                host.program(command).unwrap();
                host.ring().unwrap();
                let codes = host.drain().unwrap();
                assert_eq!(codes.len(), 1, "{list} {entries:?}");
                assert_eq!(error_code(codes[0]).0, code, "{list} {entries:?}");
                host.poke("control", &[("clear", 1)]).unwrap();
            }
        }
        host.program(&command).unwrap();
        let most = if list == "token_list" { tokens } else { heads };
        host.poke(length, &[("value", most + 1)]).unwrap();
        host.ring().unwrap();
        let codes = host.drain().unwrap();
        assert_eq!(error_code(codes[0]).0, code, "{list} of {} entries", most + 1);
        host.poke("control", &[("clear", 1)]).unwrap();
        // Across words of the list.
        if list == "token_list" {
            for at in 1..12u32 {
                let writes: Vec<Access> = (0..12u32)
                    .map(|i| Access::Write(offset + 4 * i, if i >= at { i - 1 } else { i }))
                    .collect();
                host.system.access(&writes).unwrap();
                host.poke(length, &[("value", 12)]).unwrap();
                host.ring().unwrap();
                let codes = host.drain().unwrap();
                assert_eq!(codes.len(), 1, "{list}: equal ids at {at}");
                host.poke("control", &[("clear", 1)]).unwrap();
            }
        }
    }
}

/// The interrupt line is high while an enabled cause stands, and each cause is cleared by itself.
pub fn interrupts_and_attributes(rig: &Rig) {
    let case = layer(&rig.config, 1, Mode::Summarisation);
    let memory = MemoryModel {
        attributes: Some(0xa | 0x5 << 4 | 0x9 << 8),
        ..MemoryModel::default()
    };
    let mut host = ready(rig, &case, &memory);
    host.poke("axi_attributes", &[("cache", 0xa), ("prot", 0x5), ("qos", 0x9)])
        .unwrap();
    host.poke("interrupt_enable", &[]).unwrap();
    host.ring().unwrap();
    assert!(
        !host.system.wait_irq(100_000).unwrap(),
        "an interrupt that is not enabled"
    );
    let done = host.pack("interrupt", &[("done", 1)]).1;
    let error = host.pack("interrupt", &[("error", 1)]).1;
    assert_eq!(host.read("interrupt").unwrap(), done);
    host.poke("interrupt_enable", &[("error", 1)]).unwrap();
    host.system.run(10).unwrap();
    assert!(!host.system.clock().irq, "the other cause is enabled");
    host.poke("interrupt_enable", &[("done", 1)]).unwrap();
    host.system.run(10).unwrap();
    assert!(host.system.clock().irq, "a cause that stands is enabled");
    // A command that is refused: the other cause joins.
    host.poke("value_ratio", &[("ratio", 65537)]).unwrap();
    host.ring().unwrap();
    host.system.run(1000).unwrap();
    assert_eq!(host.read("interrupt").unwrap(), done | error);
    host.poke("interrupt", &[]).unwrap();
    assert_eq!(
        host.read("interrupt").unwrap(),
        done | error,
        "nothing was cleared"
    );
    host.poke("interrupt", &[("error", 1)]).unwrap();
    assert_eq!(host.read("interrupt").unwrap(), done);
    host.poke("interrupt", &[("done", 1)]).unwrap();
    assert_eq!(host.read("interrupt").unwrap(), 0);
    host.system.run(10).unwrap();
    assert!(!host.system.clock().irq);
    host.poke("control", &[("clear", 1)]).unwrap();
    assert_eq!(host.read("error").unwrap(), 0);
    assert_eq!(host.status().unwrap().word, 0);
    // Addresses inside a register, and registers that are not written.
    let id = host.register("id").offset;
    let accesses = [
        Access::Read(id + 1),
        Access::Read(id + 2),
        Access::Write(host.register("mode").offset + 2, 0),
        Access::Write(id, 1),
        Access::Read(host.window("head_list") + 2),
        Access::Write(host.register("length").offset + 1, 3),
        Access::Read(host.window("head_list") + 4 * rig.config.max_heads),
    ];
    let answers = host.system.access(&accesses).unwrap();
    assert!(answers.iter().all(|answer| answer.resp == SLVERR), "{answers:?}");
}

/// Counters count what they say, and only while they should.
pub fn counters_of_time(rig: &Rig) {
    let case = layer(&rig.config, 1, Mode::Summarisation);
    let mut host = ready(rig, &case, &MemoryModel::default());
    host.poke("control", &[("clear_counters", 1)]).unwrap();
    let first = host.counters().unwrap();
    host.system.run(1000).unwrap();
    let idle = host.counters().unwrap();
    assert_eq!(idle.get("busy"), 0, "busy while idle");
    let passed = idle.get("cycles") - first.get("cycles");
    assert!(
        (1000..1600).contains(&passed),
        "{passed} cycles in 1000 and a few accesses"
    );
    let start = host.system.clock().cycle;
    host.ring().unwrap();
    assert!(host.drain().unwrap().is_empty());
    let taken = host.system.clock().cycle - start;
    let busy = host.counters().unwrap().get("busy");
    assert!(
        busy > 1000 && busy <= taken,
        "busy for {busy} of {taken} cycles around a layer"
    );
    host.poke("control", &[("clear_counters", 1)]).unwrap();
    let cleared = host.counters().unwrap();
    for (name, value) in &cleared.0 {
        assert!(
            *value == 0 || *name == "cycles" && *value < 1000,
            "{name}: {value}"
        );
    }
}

#[test]
fn each_malformed_field_is_reported_and_changes_nothing() {
    each_malformed_field(&tiny());
}

#[test]
fn sizes_and_lists_that_do_not_fit_are_reported() {
    sizes_that_do_not_fit(&tiny());
}

#[test]
fn the_interrupt_line_and_the_attributes_are_as_set() {
    interrupts_and_attributes(&tiny());
}

#[test]
fn time_is_counted() {
    counters_of_time(&tiny());
}
