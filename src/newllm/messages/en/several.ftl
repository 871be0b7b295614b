# What shows several runs: the comparison and the study.

signal_of = { $signal } ({ $part })
axis-tokens = tokens
axis-seconds = seconds
axis-progress = fall of the training loss
compare-better = { $best } is better: { $measure } { $low }, against { $high } of { $second }.
compare-best = { $best } is the best of { $n }: { $measure } { $low }; next is { $second } with { $high }.
compare-at_end = At the end it is { $low } against { $high }.
compare-equal = { $best } and { $second } do equally well: { $measure } { $low }.
compare-one_each = This is not certain: one run of each cannot show how much of it is chance. Train both with further seeds.
compare-sure = This holds for the mean of { $n } shared seeds: the 95 % confidence interval of the difference, { $low } to { $high }, excludes 0.
compare-by_chance = It is not certain: over { $n } shared seeds the 95 % confidence interval of the difference, { $low } to { $high }, includes 0.
compare-lead = { $runs } runs, { $arms } arms. The control is { $control }.
compare-lead_of_one = { $runs } runs of one arm, { $control }.
compare-intervals = Runs that differ by nothing but the seed are one arm: its mean is shown with the 95 % confidence interval over seeds, which holds for further seeds on the same data, not for other data.
compare-other_tokens = The losses of these runs are measured in different units: they predict other tokens (bytes, words, another vocabulary), or do another task. A chart of a loss shows only runs with the unit of the control, and no difference between units is shown.
compare-other_texts = These runs were not trained on the same texts: a difference may come from the texts.
compare-repeated = Runs that repeat a seed of their arm, which count once: { $runs }.
compare-unknown = The settings of these runs are not known, so each of them is an arm of its own: { $runs }.
compare-rates = Their learning rates are the same up to step { $step }, where that of { $first } is { $low } and that of { $second } { $high }.
compare-other_axis = Left out, since their steps count something else: { $runs }.
compare-bits = Validation, bits per byte
compare-again = { $name } (the same seed again)
compare-own_unit = { $number } (own unit)
compare-no_pace = { $name } ({ $by ->
    [tokens] its tokens were not counted
   *[seconds] its seconds were not recorded
})
compare-other_unit = { $name } (its loss is of another unit)
compare-run = Run
compare-control = control
compare-seed = Seed
compare-arm_name = Arm
compare-bits_per_byte = Best bits per byte
compare-best_validation = Best validation loss
compare-to_control = Difference from the control
compare-as_far = Step reaching the control's best
compare-last_validation = Last validation loss
compare-steps = Steps
compare-tokens_per_second = Tokens/s
compare-parameters = Parameters
compare-arm = { $name }, { $n } seeds
compare-seeds = { $n } seeds
compare-pairs = { $n } pairs
compare-lower = lower
compare-higher = higher
compare-never = never
compare-some = { $step } ({ $n } of { $of })
compare-nothing = none
compare-undiagnosed = not diagnosed
compare-diagnosed = { $found } ({ $n } of { $of } diagnosed)
compare-each = Every run by itself
compare-settings = What their configurations differ in
compare-setting = Setting
compare-same = Nothing but the seed.
compare-settings_unknown = Not known: a log has no configuration.
compare-more_settings = and { $count } more
compare-validation = Validation loss
compare-training = Training loss
compare-validation_by = Validation loss by { $by }
compare-progress = Validation loss at equal progress
compare-difference_validation = Validation loss: difference from { $control }
compare-difference_training = Training loss: difference from { $control }
compare-about_band = Shaded: the 95 % confidence interval of the mean over seeds. Thin: single runs.
compare-about_no_band = No two of these runs differ by nothing but the seed, so there is no interval: train further seeds of each.
compare-about_mean_pace = Steps times the arm's mean time per step.
compare-about_progress = Runs are compared where their training losses have fallen by the same amount since the start, however many steps that took; where a line is vertical, training made no progress, as in a spike.
compare-about_difference = Below 0 is better than the control. Shaded: the 95 % confidence interval of the difference between runs that share a seed.
compare-about_difference_alone = Below 0 is better than the control.
study-size = { $runs } runs of { $arms } arms{ $each ->
    [0] {""}
   *[other] , { $each } of each
}: { $seeds } seeds over { $sets } data sets, { $hours } core hours.
study-claims = Claims
study-claim = Claim
study-verdict = Verdict
study-by = Decided by
study-interval = Estimate [95 %]
study-about_claims = Each claim was tested by one measure, fixed before the runs. Drawn is the estimate with its 95 % confidence interval, each on a scale of its own. The dotted line is 0; for a share it is one half, with 0 and 1 at the ends.
study-each_claim = How each claim was measured, with all its numbers
study-p = p
study-p_holm = p, adjusted (Holm)
study-arms_of_claim = Arms:
claim-holds = holds
claim-holds-in-part = holds in part
claim-does-not-hold = does not hold
claim-undecided = undecided
study-tables = The study's tables
study-arms = Arms
study-arm = Arm
study-runs = Runs
study-spiking = Runs that spike on validation
study-onset = Onset, epoch
study-height = Height, nats
study-best = Best validation loss
study-beside = Beside their control, at equal progress
study-control = Control:
study-calm = As far as the control, no spike on the probe
study-calm_on_validation = Nor on validation
study-about_calm = The share of runs that come as far as their control ever did without a spike of the probe loss (circle), and without one of the validation loss either (diamond), with 95 % confidence intervals, drawn from 0 to 1. Exploratory: not corrected for the number of arms.
study-curves = Curves
study-about_curves = By epoch: the median over all runs of an arm, shaded from the lower to the upper quartile.
study-more_curves = { $count } more arms, each over its control
study-failed = Runs that failed
study-replay = Replays of the spike
# A study in the terminal and in its table of claims.
study-table =
    .title = The claims
    .claim = claim
    .verdict = verdict
    .by = by
study-few_seeds = { $seeds } seeds, { $needed } are needed
study-not_run = not run: { $arms }
study-died = note: { $line }; its run was begun again
study-run_failed = failed: { $run }: { $why }
study-waiting = { $count ->
    [one] 1 run had no time ({ $first }): the same command goes on with it
   *[other] { $count } runs had no time: the same command goes on with them
  }
study-processors = note: the runs come from { $count } kinds of processor, whose bits differ ({ $kinds }): only runs of one kind are paired
study-unpaired = { $count ->
    [one] note: 1 run is left out, its control ran on another kind ({ $first }): remove its directory in cells/ and run it again there
   *[other] note: { $count } runs are left out, their control ran on another kind (the first: { $first }): remove their directories in cells/ and run them again there
  }
study-undecided = { $count ->
    [one] 1 claim has too few seeds to be decided
   *[other] { $count } claims have too few seeds to be decided
  }: --seeds { $seeds }, without --quick
study-legend = [low, high] are 95 % intervals, ... is beyond the data, > N is after the last epoch
study-results = results: { $place }
differences = What differs from { $name }
differences-more = { $count ->
        [one] One more run is
       *[other] { COUNT($count) } more runs are
    } not held against it: choose fewer.
