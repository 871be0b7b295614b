"""The English texts of what shows several runs: the comparison and the study."""

TEXTS = {
    "signal_of": "{signal} ({part})",
    # comparison
    "axis.tokens": "tokens",
    "axis.seconds": "seconds",
    "axis.progress": "nats",
    "compare.lead": "{runs} runs, {arms} arms. The control is {control}.",
    "compare.lead_of_one": "{runs} runs of one arm, {control}.",
    "compare.intervals": (
        "Runs that differ by nothing but the seed are one arm: its mean with the 95 % interval over seeds, "
        "which speaks of further seeds on the same data."
    ),
    "compare.other_tokens": (
        "These runs do not predict the same tokens (bytes, words or another vocabulary): their nats per token are no "
        "one measure, and no difference of them is shown."
    ),
    "compare.other_texts": "These runs did not learn the same texts: what differs may be the text.",
    "compare.repeated": "Further runs of a seed that is there, which count once: {runs}.",
    "compare.unknown": "Without a known configuration, so each an arm by itself: {runs}.",
    "compare.other_axis": "Left out, since their steps count something else: {runs}.",
    "compare.run": "Run",
    "compare.control": "control",
    "compare.seed": "Seed",
    "compare.arm_name": "Arm",
    "compare.bits_per_byte": "Best bits per byte",
    "compare.best_validation": "Best validation loss",
    "compare.to_control": "Difference to the control",
    "compare.as_far": "Step at the control's best",
    "compare.last_validation": "Last validation loss",
    "compare.steps": "Steps",
    "compare.tokens_per_second": "Tokens/s",
    "compare.parameters": "Parameters",
    "compare.arm": "{name}, {n} seeds",
    "compare.seeds": "{n} seeds",
    "compare.pairs": "{n} pairs",
    "compare.lower": "lower",
    "compare.higher": "higher",
    "compare.never": "never",
    "compare.some": "{step} ({n} of {of})",
    "compare.nothing": "none",
    "compare.unexamined": "not examined",
    "compare.examined": "{found} ({n} of {of} examined)",
    "compare.each": "Every run by itself",
    "compare.settings": "What their configurations differ in",
    "compare.setting": "Setting",
    "compare.same": "Nothing but what is compared here by seed.",
    "compare.settings_unknown": "Not known: a log has no configuration.",
    "compare.more_settings": "and {count} more",
    "compare.validation": "Validation loss",
    "compare.training": "Training loss",
    "compare.validation_by": "Validation loss by {by}",
    "compare.progress": "Validation loss at equal progress",
    "compare.difference_validation": "Validation loss: difference to {control}",
    "compare.difference_training": "Training loss: difference to {control}",
    "compare.about_band": "Shaded: the 95 % interval of a mean over seeds. Thin: its runs.",
    "compare.about_mean_pace": "Steps times what one took in the mean of the arm.",
    "compare.about_progress": (
        "By what the training loss had gained since its start. "
        "Straight up and down: training gained nothing, as in a spike."
    ),
    "compare.about_difference": (
        "Below 0 is better than the control. Shaded: the 95 % interval over runs that share a seed."
    ),
    # study
    "study.size": "{runs} runs of {arms} arms: {seeds} seeds on {sets} data sets, {hours} core hours.",
    "study.claims": "Claims",
    "study.claim": "Claim",
    "study.verdict": "Verdict",
    "study.by": "Decided by",
    "study.interval": "Estimate [95 %]",
    "study.about_claims": (
        "Each claim was tested by one measure, fixed before the runs. Drawn is its estimate with the 95 % interval, "
        "each on a scale of its own: dotted is 0, of a share a half, with none and all at the ends."
    ),
    "study.each_claim": "How each claim was measured, with all its numbers",
    "study.p": "p",
    "study.p_holm": "p, adjusted (Holm)",
    "study.arms_of_claim": "Arms:",
    "claim.holds": "holds",
    "claim.holds in part": "holds in part",
    "claim.does not hold": "does not hold",
    "claim.undecided": "undecided",
    "study.arms": "Arms",
    "study.arm": "Arm",
    "study.runs": "Runs",
    "study.spiking": "Runs that spike on validation",
    "study.onset": "Onset, epoch",
    "study.height": "Height, nats",
    "study.best": "Best validation loss",
    "study.beside": "Beside their control, at equal progress",
    "study.control": "Control:",
    "study.calm": "As far, no spike on the probe",
    "study.calm_on_validation": "Nor on validation",
    "study.about_calm": (
        "The share of runs that get as far as their control ever was without a spike of the probe loss "
        "(circle), and without one of the validation loss either (diamond), with 95 % intervals from none to "
        "all. Exploratory: not corrected for the number of arms."
    ),
    "study.curves": "Curves",
    "study.about_curves": (
        "By epoch: the median over all runs of an arm, shaded from the lower to the upper quartile."
    ),
    "study.more_curves": "{count} more arms, each over its control",
    "study.failed": "Runs that failed",
    "study.replay": "Replays of the spike",
}
