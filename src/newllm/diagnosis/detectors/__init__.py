"""Detectors by subject: each takes `(trace, facts)` and returns what it found, nothing on a healthy run.

What a finding is called, says, means and asks for first stands in the message catalogues under its kind
(`messages/en/findings.ftl`); docs/doctor.md lists the kinds. The order of `DETECTORS` is that of equal findings.
"""

from newllm.diagnosis.detectors import (
    accuracy,
    activations,
    changed_state,
    evaluation,
    frozen_values,
    gradients,
    jumps,
    loss_bounds,
    optimizer,
    recurrence,
    spikes,
    trend,
)

DETECTORS = [
    loss_bounds.detect_not_finite,
    changed_state.detect_changed_state,
    spikes.detect_spikes,
    trend.detect_slow_divergence,
    loss_bounds.detect_worse_than_chance,
    trend.detect_plateau,
    spikes.detect_drops,
    evaluation.detect_over_fitting,
    evaluation.detect_validation_gap,
    frozen_values.detect_frozen_values,
    accuracy.detect_accuracy,
    gradients.detect_carried,
    evaluation.detect_training_mode,
    gradients.detect_accumulation_scale,
    jumps.detect_rate_jump,
    jumps.detect_resume,
    recurrence.detect_context_growth,
    gradients.detect_explosion,
    optimizer.detect_second_moment,
    activations.detect_vanishing,
    activations.detect_idle_units,
    optimizer.detect_update_ratio,
    optimizer.detect_frozen_layer,
    activations.detect_growth,
    activations.detect_attention_collapse,
]
