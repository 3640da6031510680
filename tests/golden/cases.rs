//! Cases: what is written comes back, and a check notices every answer that is changed.

use rayon::prelude::*;
use serde_json::Value;
use spatten_gen::golden::case::Case;
use spatten_gen::golden::random;
use std::collections::HashMap;

fn parse(value: &Value) -> Option<Case> {
    serde_json::from_value(value.clone()).ok()
}

#[test]
fn cases_survive_json_and_agree_with_themselves() {
    for seed in 0..60 {
        let case = random::case(seed).unwrap();
        let text = serde_json::to_string(&case).unwrap();
        let back: Case = serde_json::from_str(&text).unwrap();
        assert_eq!(back, case);
        back.check()
            .unwrap_or_else(|error| panic!("seed {seed}: {error:#}"));
        assert_eq!(
            random::case(seed).unwrap(),
            case,
            "a seed always gives the same case"
        );
    }
}

/// Every place of a number, string or boolean inside `value`.
fn leaves(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, v)| leaves(v, format!("{path}/{key}"), found)),
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(i, v)| leaves(v, format!("{path}/{i}"), found));
        }
        Value::Null => {}
        _ => found.push(path),
    }
}

/// The value next to this one.
fn changed(value: &Value) -> Value {
    match value {
        Value::Bool(b) => (!b).into(),
        Value::String(s) => format!("{s}x").into(),
        Value::Number(n) => match (n.as_u64(), n.as_i64()) {
            (Some(0), _) => 1.into(),
            (Some(n), _) => (n - 1).into(),
            (None, n) => (n.unwrap_or(0) + 1).into(),
        },
        _ => Value::Null,
    }
}

/// Changes every answer of a case, one at a time: none goes unnoticed.
#[test]
fn every_changed_answer_is_noticed() {
    let mut answers = 0;
    for seed in [1, 3, 5, 8] {
        let case = serde_json::to_value(random::case(seed).unwrap()).unwrap();
        let mut places = vec![];
        for (i, event) in case["events"].as_array().unwrap().iter().enumerate() {
            leaves(&event["result"], format!("/events/{i}/result"), &mut places);
        }
        leaves(&case["final"], "/final".to_owned(), &mut places);
        // Many places are alike but for their indices: a few of each kind.
        let mut seen = HashMap::new();
        places.retain(|place| {
            let kind: String = place.chars().filter(|c| !c.is_ascii_digit()).collect();
            let count = seen.entry(kind).or_insert(0);
            *count += 1;
            *count % 101 == 1 || *count < 8
        });
        places.par_iter().for_each(|place| {
            let mut wrong = case.clone();
            let leaf = wrong.pointer_mut(place).unwrap();
            *leaf = changed(leaf);
            let noticed = parse(&wrong).is_none_or(|case| case.check().is_err());
            assert!(noticed, "seed {seed}: {place} went unnoticed");
        });
        answers += places.len();
    }
    assert!(answers > 300, "{answers}");
}

/// What a check says when something differs: where, what, both values.
#[test]
fn differences_are_explained() {
    let mut case = random::case(3).unwrap();
    let results = case.events.iter_mut().filter_map(|event| event.result.as_mut());
    let executed = results.filter_map(|result| match result {
        spatten_gen::golden::case::Outcome::Executed(result) => Some(result),
        _ => None,
    });
    let row = executed
        .flat_map(|result| &mut result.rows)
        .find(|row| row.keys > 0)
        .unwrap();
    let (right, head, query) = (row.max_prob, row.head, row.query);
    row.max_prob = 1;
    let error = format!("{:#}", case.check().unwrap_err());
    assert!(
        error.contains(&format!("(head {head}, query {query})")),
        "{error}"
    );
    assert!(
        error.contains(&format!("`max-prob` is {right}, but the case says 1")),
        "{error}"
    );
}

#[test]
fn malformed_cases_are_errors() {
    let case = serde_json::to_value(random::case(4).unwrap()).unwrap();
    let load = case["events"]
        .as_array()
        .unwrap()
        .iter()
        .position(|event| event.get("load").is_some())
        .unwrap();
    let with = |place: &str, value: Value| {
        let mut wrong = case.clone();
        *wrong.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value;
        parse(&wrong).map(|case| case.check().map_err(|error| format!("{error:#}")))
    };
    let error = |place: &str, value: Value| with(place, value).unwrap().unwrap_err();
    assert!(error("/format", "other".into()).contains("`format` is `other`"));
    assert!(error("/version", 2.into()).contains("only 1 is known"));
    assert!(error("/config/width", 40.into()).contains("width"));
    assert!(error("/channel-bases/0", 31.into()).contains("not a multiple of 32"));
    assert!(error("/channel-bases", Value::Array(vec![])).contains("`channel-bases`"));
    assert!(error("/tensors/q0/shape/1", 0.into()).contains("empty"));
    assert!(error("/tensors/q0/data", Value::Array(vec![])).contains("0 elements"));
    assert!(error("/tensors/q0/data/5", 32767.into()).contains("does not fit"));
    assert!(error("/tensors/k0/bits", 17.into()).contains("17 bits"));
    assert!(error(&format!("/events/{load}/load/tensor"), "none".into()).contains("no tensor `none`"));
    assert!(error(&format!("/events/{load}"), serde_json::json!({})).contains("an event is one of"));
    let mut extra = case.clone();
    extra["events"][load]["load"]["extra"] = 1.into();
    assert!(parse(&extra).is_none(), "unknown fields are errors");
}
