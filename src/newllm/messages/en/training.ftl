# What a training says to whoever watches it, in one line each.

## at the start
notice-precision = precision { $precision }: an update takes { $took } ({ $rounds } rounds){ $agreed ->
    [yes] {""}
   *[no] , too few rounds that agree (a busy machine, or a short time)
}
notice-took_in = { G($seconds, digits: 3) } s in { $precision }
notice-took_and = { $before } and { $following }
notice-not_in_bf16 = precision { $precision }: this processor has no fast arithmetic in bf16 for this architecture
notice-no_time_to_measure = precision { $precision }: no time, or no memory, to measure bf16
notice-shortened = { $setting } is { COUNT($now) }, not { COUNT($before) }: the run has only { COUNT($steps) } steps, and the original value would take up too many of them
notice-getting_ready = getting ready took { $took } of the { G($seconds, digits: 6) } s
notice-sequential = with a norm on write the stack runs position after position, not as a scan: it is slower

## where a run goes on
notice-trace_cut = trace.jsonl was damaged after the last snapshot: it is cut off there and written again
notice-done = finished what a killed process had left undone: { $what }
notice-finished = '{ $run }' is finished already: newllm train --resume { $run } --steps N, or --seconds S, trains it longer
notice-no_curves = '{ $file }' is missing and cannot be drawn: { $error }
notice-other_bits = { $environment }: it goes on, but not with the same bits
notice-other_ranks = from step { COUNT($step) } on it is computed by { COUNT($ranks) } processes ({ COUNT($before) } before): the same batches, losses equal to rounding, other bits
notice-other_sequence = from step { COUNT($step) } on { $ranks ->
    [one] rows are whole
   *[other] each row is cut into { COUNT($ranks) } pieces
} ({ $before ->
    [one] whole
   *[other] { COUNT($before) } pieces
} before): the same batches, losses equal to rounding, other bits
notice-one_for_all_ranks = one process computes the parts of all { COUNT($ranks) } ranks, with { $alike ->
    [yes] the same bits as they would
   *[no] other bits than theirs, as their processors were of several kinds
}
notice-sharded = the model is sharded over { COUNT($ranks) } processes ({ $copies ->
    [1] parallel.mode fsdp
   *[other] parallel.mode hsdp, { COUNT($copies) } copies
}): no text is written at evaluations (newllm generate writes one from a snapshot)
notice-unlike = rank { $rank }{ $more ->
    [0] {""}
    [one] {" "}(and one more)
   *[other] {" "}(and { COUNT($more) } more)
} has { $name } { $value } where rank 0 has { $first }, and rounds otherwise: rank 0's weights are sent to all after each update, and these bits come again on the same machines only
notice-remaining = { FIXED($left) } of the { G($seconds, digits: 6) } s remain at step { COUNT($step) }
notice-follows_clock = the schedule was { COUNT($was) } steps{ $in_seconds ->
    [none] {""}
   *[other] { " " }in { G($in_seconds, digits: 6) } s
}; from step { COUNT($step) } on it follows the clock for { G($seconds, digits: 6) } s
notice-extended = the schedule was { COUNT($was) } steps{ $in_seconds ->
    [none] {""}
   *[other] { " " }in { G($in_seconds, digits: 6) } s
}, it becomes { COUNT($steps) } steps: the learning rate goes from { G($before, digits: 3) } to { G($warm, digits: 3) } by step { COUNT($by) } and ends at { G($end, digits: 3) }

## on the way
notice-slow_step = step { COUNT($step) } took { FIXED($took) } s where { G($usual, digits: 2) } s are usual: the machine was busy, or asleep
notice-few_updates = only { $updates ->
    [1] 1 update fits
   *[other] { $updates } updates fit
} into { G($seconds, digits: 6) } s here and now: one takes { G($update, digits: 2) } s, an evaluation { G($evaluation, digits: 2) } s, getting ready took { G($ready, digits: 2) } s
notice-time_over = the time was up at { PERCENT($share) }% of the plan, at a learning rate of { G($rate, digits: 2) }: the last updates took longer than those before
notice-left_trend = { $signal } left its trend at step { $onset }: { $kept }
notice-states_kept = keeping the state after step { $steps }
notice-no_state = no state from before it is available to keep
notice-state_not_kept = the state before a spike is not kept, the training goes on: { $failure }
notice-pin_damaged = '{ $file }' is damaged: its snapshot is kept, but it is not known for which spike
notice-few_states = a state of this run is { COUNT($size) } MiB: memory holds { $capacity } of them, not { $states } (at most { COUNT($limit) } MiB), so what came before a spike may be gone when the spike is seen
notice-large_state = a state of this run is { COUNT($size) } MiB, too large to be held in memory (at most { COUNT($limit) } MiB): before a spike only the snapshots on disk are kept; a smaller training.snapshot_every makes them denser

## trackers
notice-tracking = { $tracker }: { $where }
notice-tracker_refused = this session is not tracked: { $error }
notice-tracker_failed = { $tracker } failed ({ $call }), the training goes on: { $error }
notice-tracker_died = the process of { $tracker } has died, the training did not: RUN/trackers has its log
notice-tracker_hung = { $tracker } did not finish in time and was stopped: RUN/trackers has its log
notice-tracker_dropped = { $tracker } did not take { COUNT($count) } rows: trace.jsonl of the run has all of them
alert-off_trend = the training loss has left its trend
alert-off_trend_since = since step { COUNT($onset) }; { G($base, digits: 4) } nats were usual before

## what the processes of a training send each other
exchange-order = the order that follows step { COUNT($step) }
exchange-begin = the start
exchange-weights = the weights that rank 0 sends at the start
exchange-parts = the parts of the weights for step { COUNT($step) }
exchange-losses = the losses of step { COUNT($step) }
exchange-gradients = the sum of the gradients of step { COUNT($step) }
exchange-level = rank 0's weights of step { COUNT($step) }
exchange-carried = the carried contexts after step { COUNT($step) }
exchange-snapshot = the snapshot of step { COUNT($step) }
exchange-evaluation = the evaluation after step { COUNT($step) }
exchange-end = the end
exchange-contexts = the contexts between two ranks in step { COUNT($step) }
training-missing_yet = { $count ->
    [one] rank { $ranks } of { $size } has
   *[other] ranks { $ranks } of { $size } have
} not come yet{ $address ->
    [none] {""}
   *[other] {" "}({ $address } does not answer)
}: waiting until { $until } (another number of seconds: { $variable } in the environment)
training-missing = { $count ->
    [one] rank { $ranks } of { $size }
   *[other] ranks { $ranks } of { $size }
} did not come within { G($seconds, digits: 6) } s{ $address ->
    [none] {""}
   *[other] {" "}({ $address } does not answer)
}, and all ended: start all processes together, or let them wait longer with { $variable } in the environment
training-lost = { $rank ->
    [none] another process
   *[other] rank { $rank }
}{ $more ->
    [0] {""}
    [one] {" "}(and one more)
   *[other] {" "}(and { COUNT($more) } more)
} of this training is gone ({ $error })
training-lost_go_on = { $why }{ $words ->
    [none] {""}
   *[other] , which said: { $words }
}; start all processes again with --resume { $run } to go on
training-lost_seen = in { $what }: { $why }
training-hangs = { $rank ->
    [none] a rank
   *[other] rank { $rank }
}{ $more ->
    [0] {""}
    [one] {" "}(and one more)
   *[other] {" "}(and { COUNT($more) } more)
} did not come to { $what } within { G($seconds, digits: 6) } s, and all ended{ $rank ->
    [none] : which one is not known, as it does not write into RUN/ranks
   *[other] { $waits ->
        [yes] : it was last seen in { $last }
       *[no] : it was last seen computing, after { $last }
    }{ $place ->
        [none] {""}
       *[other] , at { $place }
    }{ $answers ->
        [yes] , and still ran
       *[no] , and did not run any more (stopped, or stuck in a call)
    }
}
