//! The stream driver itself: a correct module passes under every pacing, and each rule is shown to catch the module
//! that breaks it.

use spatten_gen::config::Reset;
use spatten_gen::rtl::{Direction, Field, Interface, Stream};
use spatten_gen::sim::{Builder, Case, Design, End, Outcome, Pace, Pacing, Simulation, Verilator};
use std::path::PathBuf;
use std::sync::Arc;

/// A one-entry buffer; `body` may replace single lines of it.
const BUFFER: &str = "
module dut (
    input wire clk, input wire rst,
    input wire [3:0] offset,
    output reg [7:0] taken,
    input wire push_valid, output wire push_ready, input wire [6:0] push_a, input wire [69:0] push_b,
    output wire pop_valid, input wire pop_ready, output wire [6:0] pop_a, output wire [69:0] pop_b);
  reg full; reg [6:0] a; reg [69:0] b;
  assign push_ready = !full;
  assign pop_valid = full;
  assign pop_a = a;
  assign pop_b = b;
  always @(posedge clk) begin
    if (rst) begin
      full <= 0;
      taken <= 0;
    end else begin
      if (push_valid && push_ready) begin full <= 1; a <= push_a + {3'd0, offset}; b <= push_b; end
      else if (pop_ready) full <= 0;
      if (push_valid && push_ready) taken <= taken + 1;
    end
  end
endmodule
";

fn interface() -> Interface {
    let stream = |name: &str, direction| Stream {
        name: name.into(),
        direction,
        fields: vec![Field::new("a", 7), Field::lanes("b", 2, 35)],
    };
    Interface {
        parameters: vec![],
        streams: vec![stream("push", Direction::In), stream("pop", Direction::Out)],
        ports: vec![
            (Direction::In, Field::new("offset", 4)),
            (Direction::Out, Field::new("taken", 8)),
        ],
    }
}

fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sim-cache")
}

fn simulation(builder: &Builder, changes: &[(&str, &str)], reset: Reset) -> Simulation {
    let mut text = BUFFER.to_owned();
    for (find, replace) in changes {
        assert_eq!(text.matches(find).count(), 1, "{find}");
        text = text.replace(find, replace);
    }
    let design = Design {
        top: "dut".into(),
        sources: vec![("dut.v".into(), text)],
        interface: interface(),
        reset,
        parameters: vec![],
        trace: false,
    };
    let library = builder.build(design).unwrap();
    Simulation::new(&Arc::clone(&library), 1).unwrap()
}

fn case() -> Case {
    let mut case = Case::new(&interface());
    case.port("offset", 3);
    for i in 0..100i64 {
        case.beat("push").set("a", i).lanes("b", [i << 28, -i]);
        case.beat("pop").set("a", i + 3).lanes("b", [i << 28, -i]);
        case.end_row();
    }
    case
}

fn same(case: &Case, outcome: &Outcome) {
    assert_eq!(outcome.end, End::Done);
    let (expected, got) = (case.stream("pop"), &outcome.output("pop").beats);
    assert_eq!(expected.first_difference(got, 0), None);
    assert_eq!(got.len(), expected.len());
    assert_eq!(outcome.accepted("push").len(), 100);
    assert_eq!(outcome.port("taken"), 100);
}

#[test]
fn a_correct_module_passes_under_every_pacing_with_every_verilator() {
    let verilators = Verilator::all();
    assert!(!verilators.is_empty(), "no Verilator; run sim/setup");
    for verilator in verilators {
        let builder = Builder::with(verilator, cache());
        let mut simulation = simulation(&builder, &[], Reset::SyncHigh);
        let case = case();
        for seed in 0..300 {
            let pacing = Pacing::from_seed(seed, 1, 1);
            let outcome = simulation.run(&case, &pacing);
            same(&case, &outcome);
            assert_eq!(outcome.cycles, outcome.output("pop").cycles[99] + 1);
            assert!(
                outcome
                    .accepted("push")
                    .iter()
                    .zip(&outcome.output("pop").cycles)
                    .all(|(t, u)| t < u)
            );
        }
        // One beat every two cycles, the first accepted in cycle 0.
        let outcome = simulation.run(&case, &Pacing::full_speed());
        assert_eq!(outcome.cycles, 200);
        assert_eq!(outcome.accepted("push")[..3], [0, 2, 4]);
    }
}

#[test]
fn every_reset_style_resets() {
    let builder = Builder::with(Verilator::find().unwrap(), cache());
    let low = [
        ("input wire rst", "input wire rst_n"),
        ("if (rst)", "if (!rst_n)"),
    ];
    let edge = |sense| [("always @(posedge clk)", sense)];
    let styles = [
        (Reset::SyncLow, low.to_vec()),
        (
            Reset::AsyncHigh,
            edge("always @(posedge clk or posedge rst)").to_vec(),
        ),
        (
            Reset::AsyncLow,
            [&low[..], &edge("always @(posedge clk or negedge rst_n)")].concat(),
        ),
    ];
    for (reset, changes) in styles {
        let mut simulation = simulation(&builder, &changes, reset);
        for seed in 0..28 {
            same(&case(), &simulation.run(&case(), &Pacing::from_seed(seed, 1, 1)));
        }
    }
    // A synchronous reset where an asynchronous one is promised still shows valid after reset has risen.
    let mut late = simulation(&builder, &[], Reset::AsyncHigh);
    let ends: Vec<End> = (0..28)
        .map(|seed| late.run(&case(), &Pacing::from_seed(seed, 1, 1)).end)
        .collect();
    assert!(
        ends.iter()
            .any(|e| matches!(e, End::Protocol(what) if what.contains("during reset"))),
        "{ends:?}"
    );
}

/// Ends of 56 differently paced runs of a changed buffer.
fn ends(changes: &[(&str, &str)]) -> Vec<End> {
    let builder = Builder::with(Verilator::find().unwrap(), cache());
    let mut simulation = simulation(&builder, changes, Reset::SyncHigh);
    let mut case = case();
    case.patience = 500;
    (0..56)
        .map(|seed| simulation.run(&case, &Pacing::from_seed(seed, 1, 1)).end)
        .collect()
}

#[track_caller]
fn caught(changes: &[(&str, &str)], words: &str) {
    let ends = ends(changes);
    let hit = ends.iter().any(|end| match end {
        End::Done => false,
        End::Hung(what) | End::Protocol(what) | End::Stopped(what) => what.contains(words),
    });
    assert!(hit, "no run says `{words}`: {ends:?}");
}

#[test]
fn valid_that_falls_is_caught() {
    let free = "else if (pop_ready) full <= 0;";
    caught(
        &[(free, "else full <= 0;")],
        "`pop`, cycle 3: valid fell before ready had taken the beat",
    );
}

#[test]
fn payload_that_changes_is_caught() {
    caught(
        &[("assign pop_b = b;", "assign pop_b = b ^ {70{push_valid}};")],
        "payload changed while the beat",
    );
}

#[test]
fn valid_that_follows_ready_is_caught() {
    let valid = "assign pop_valid = full;";
    caught(
        &[(valid, "assign pop_valid = full && pop_ready;")],
        "valid follows ready within the cycle",
    );
}

#[test]
fn valid_that_waits_for_ready_hangs() {
    let ends = ends(&[(
        "assign pop_valid = full;",
        "assign pop_valid = full && pop_ready;",
    )]);
    let says = "`push` took 1 of 100, `pop` gave 0 of 100 beats";
    assert!(
        ends.iter()
            .any(|end| matches!(end, End::Hung(what) if what.ends_with(says))),
        "{ends:?}"
    );
}

#[test]
fn payload_that_follows_ready_is_caught() {
    caught(
        &[("assign pop_a = a;", "assign pop_a = a ^ {7{pop_ready}};")],
        "payload follows ready within the cycle",
    );
}

#[test]
fn valid_in_reset_is_caught() {
    caught(
        &[("      full <= 0;\n", "")],
        "`pop`, cycle 0: valid is high during reset",
    );
}

#[test]
fn state_that_survives_reset_is_seen() {
    let builder = Builder::with(Verilator::find().unwrap(), cache());
    let mut simulation = simulation(&builder, &[("      taken <= 0;\n", "")], Reset::SyncHigh);
    let case = case();
    let pacing = Pacing {
        reset_at: 50,
        ..Pacing::full_speed()
    };
    assert_ne!(simulation.run(&case, &pacing).port("taken"), 100);
}

#[test]
fn a_lost_beat_hangs_and_a_beat_too_many_is_collected() {
    caught(
        &[(
            "if (push_valid && push_ready) begin full",
            "if (push_valid && push_ready && push_a != 7) begin full",
        )],
        "hand",
    );
    let builder = Builder::with(Verilator::find().unwrap(), cache());
    let never = [(
        "else if (pop_ready) full <= 0;",
        "else if (pop_ready && a != 102) full <= 0;",
    )];
    let outcome = simulation(&builder, &never, Reset::SyncHigh).run(&case(), &Pacing::full_speed());
    assert_eq!(outcome.end, End::Done);
    assert!(outcome.output("pop").beats.len() > 100);
}

#[test]
fn what_the_model_says_when_it_stops_is_kept() {
    let stop = "always @(posedge clk) if (!rst && taken == 9) begin $display(\"nine is too many\"); $stop; end\nendmodule";
    caught(&[("endmodule", stop)], "nine is too many");
}

#[test]
fn what_the_model_prints_is_a_failure() {
    let check = "always @(posedge clk) if (!rst && taken == 9) $display(\"CHECK nine\");\nendmodule";
    caught(&[("endmodule", check)], "the model says: CHECK nine");
}

#[test]
fn payload_is_noise_while_valid_is_low() {
    // A module that takes the payload one cycle late.
    let builder = Builder::with(Verilator::find().unwrap(), cache());
    let late = [(
        "a <= push_a + {3'd0, offset}; b <= push_b; end",
        "end if (!pop_valid) a <= push_a + 3;",
    )];
    let mut simulation = simulation(&builder, &late, Reset::SyncHigh);
    let case = case();
    let pacing = Pacing {
        inputs: vec![Pace::Random { per_65536: 9000 }],
        ..Pacing::full_speed()
    };
    let outcome = simulation.run(&case, &pacing);
    assert!(
        case.stream("pop")
            .first_difference(&outcome.output("pop").beats, 0)
            .is_some()
    );
}

#[test]
fn builds_are_shared_between_threads() {
    let builder = Builder::with(Verilator::find().unwrap(), cache());
    let unique = format!("// {}\nendmodule", std::process::id());
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let (builder, unique) = (&builder, &unique);
            scope.spawn(move || {
                let mut simulation = simulation(builder, &[("endmodule", unique)], Reset::SyncHigh);
                same(&case(), &simulation.run(&case(), &Pacing::from_seed(seed, 1, 1)));
            });
        }
    });
}

#[test]
fn errors_of_the_tools_are_passed_on() {
    let builder = Builder::with(Verilator::find().unwrap(), cache());
    let design = Design {
        top: "dut".into(),
        sources: vec![("dut.v".into(), BUFFER.replace("endmodule", ""))],
        interface: interface(),
        reset: Reset::SyncHigh,
        parameters: vec![],
        trace: false,
    };
    let error = builder.build(design).err().unwrap().to_string();
    assert!(
        error.starts_with("Verilator refuses `dut`:") && error.contains("dut.v:"),
        "{error}"
    );
}
