"""The doctor on a founding run of our own: it has to name what the founding document did not notice."""

import pytest

import newllm


@pytest.mark.slow
def test_the_founding_run_shows_unknown_words_a_single_answer_and_a_loop_gain_ahead_of_the_loss(tmp_path) -> None:
    run = newllm.train(preset="founding-baseline", out=tmp_path / "run")
    findings = {finding.kind: finding for finding in reversed(newllm.doctor(run.path).findings)}
    assert findings["unknown-tokens"].severity == "warning"
    single = findings["one-predicted-class"].evidence
    assert single["evaluations"] >= single["of"] - 1
    assert "constant-accuracy" not in findings  # one class for everything says it
    growth = findings["context-growth"]
    assert growth.signal == "loop_gain"
    assert growth.evidence["largest"] > 1.5
    assert growth.evidence["lead_steps"] >= 2
    spike = findings["spike"]
    assert 30 <= (spike.first_step or 0) <= 44  # epochs 15 to 22, two steps each
    assert {"worse-than-uniform", "small-validation", "label-frequency"} <= findings.keys()
