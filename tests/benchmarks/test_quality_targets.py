"""The targets: met, missed, or not measured, and named in words."""

from typing import Any

from benchmarks.quality_targets import findings, missed, newest

Record = dict[str, Any]


def record(model: str, answers: str, recall: float, mrr: float, **more: Any) -> Record:
    return {
        "data": "nowplaying",
        "model": model,
        "answers": answers,
        "whole": True,
        "training": {"seconds": 900.0},
        "machine": {"cores": 2},
        "data_facts": {"fingerprint": "a" * 64},
        "metrics": {"recall@20": recall, "mrr@20": mrr},
    } | more


def run(reached_s: float | None, seconds: float) -> Record:
    return {"reached_s": reached_s, "seconds": seconds}


def race(ours: Record, reference: Record) -> Record:
    return {"whole": True, "runs": {"gru": ours, "gru4rec-2018-xe": reference}}


GOOD = [
    record("markov", "baseline", 0.135, 0.0725),
    record("V-SKNN", "baseline", 0.213, 0.070),
    record("gru4rec-2018-xe", "network alone", 0.21, 0.083),
    record("gru", "network alone", 0.216, 0.086),
    record("gru", "served", 0.236, 0.093),
]
QUICK = [race(run(60.0, 65.0), run(400.0, 401.0))]


def test_all_met_but_the_goals() -> None:
    found = findings(GOOD, QUICK, ["nowplaying"])
    assert missed(found) == []
    assert [finding.is_goal for finding in found if not finding.met] == [True, True]


def test_what_is_missed_is_named_with_what_was_found() -> None:
    found = findings([*GOOD, record("gru", "served", 0.231, 0.0931)], QUICK, ["nowplaying"])
    assert [str(finding) for finding in missed(found)] == [
        "MISSED: nowplaying, what the server answers: recall@20 of at least 0.235; found 0.2310"
    ]


def test_training_may_take_twenty_minutes() -> None:
    slow = record("gru", "served", 0.236, 0.093, training={"seconds": 1201.0})
    assert [str(finding) for finding in missed(findings([*GOOD, slow], QUICK, ["nowplaying"]))] == [
        "MISSED: nowplaying: the served model trained in at most 1200 s on 2 cores; found 1201 s on 2 cores"
    ]


def test_the_race_is_won_by_five_times() -> None:
    def found(ours: Record, reference: Record) -> list[str]:
        return [str(one) for one in missed(findings(GOOD, [race(ours, reference)], ["nowplaying"]))]

    assert found(run(60.0, 65.0), run(300.0, 300.0)) == []
    assert "found 0.250 (60 s, 240 s)" in found(run(60.0, 65.0), run(240.0, 250.0))[0]
    assert "ours not there after 900 s" in found(run(None, 900.0), run(240.0, 250.0))[0]
    assert found(run(60.0, 65.0), run(None, 600.0)) == []


def test_peers_must_be_beaten_in_both_figures_on_every_data_set() -> None:
    elsewhere = [one | {"data": "demo"} for one in GOOD[:4]]
    found = findings([*elsewhere, record("V-SKNN", "baseline", 0.2, 0.087) | {"data": "demo"}], [], ["demo"])
    assert [str(finding) for finding in missed(found)] == [
        "MISSED: demo: gru above V-SKNN in recall@20 and mrr@20; found 0.2160 to 0.2000, 0.0860 to 0.0870"
    ]


def test_what_was_not_measured_is_missed() -> None:
    found = findings([], [], ["nowplaying"])
    assert all("no result" in finding.found for finding in found)
    assert len(missed(found)) == 9


def test_a_quick_look_counts_for_nothing() -> None:
    assert newest([*GOOD, record("gru", "served", 0.9, 0.9, whole=False)])["nowplaying", "gru", "served"] == GOOD[-1]


def test_another_data_set_of_the_same_name_is_not_compared_with() -> None:
    """Else ours of one would be held against neighbours of another."""
    other = record("gru", "served", 0.4, 0.2, data_facts={"fingerprint": "b" * 64})
    assert list(newest([*GOOD, other])) == [("nowplaying", "gru", "served")]
    assert any(
        "V-SKNN" in str(one) and one.found == "no result" for one in findings([*GOOD, other], QUICK, ["nowplaying"])
    )
