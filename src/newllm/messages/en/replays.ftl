# While replays run, and what a guard decides: why something is not tried, where a replay leaves the run.

## why an intervention is not tried
not_tried-no_time = no time was left for it: give a larger --budget
misfit-already = { $setting } is { EXACT($value) } already
misfit-setting_already = { $setting } is '{ $value }' already
misfit-clipped_already = the gradient is clipped at { EXACT($norm) } already
misfit-decay_already = its decay is { EXACT($decay) } already
misfit-scaled_already = model.initialisation 'scaled' has it already
misfit-forgets_already = its rule '{ $rule }' forgets already
misfit-qk_norm_already = architecture 'attention' has QK-norm already
misfit-adamw_already = the optimizer is AdamW already
misfit-neither_adam_nor_sgd = { $optimizer } is neither Adam nor SGD: how its learning rate compares is not known
misfit-only_its_optimizer = in newllm train nothing but the optimizer changes weights and moments
misfit-no_setting_changed = the training's own code did not change this setting before the spike
misfit-no_change_seen = the recorder saw nothing but the optimizer change what this intervention would put back
misfit-no_decay = without weight decay Adam and AdamW are the same
misfit-same_as_update_clipping = here it is the same as update-clipping
misfit-no_second_moment = { $optimizer } has no second moment
misfit-own_rate = the learning rate is the optimizer's own, which never changes
misfit-rate_never_rises = the planned learning rate never rises
misfit-carried = data.carry carries the context from each batch to the next, so their order cannot change
misfit-whose_evaluation = what the evaluation counts is known of runs of newllm train only
misfit-no_unknown_token = tokenizer '{ $tokenizer }' has no unknown token
misfit-unknown_in_training = training shows unknown words too
misfit-no_unknown_words = the validation part has no unknown words
misfit-no_sentences = it needs sentences and the tokenizer of words, which has an unknown word to put in
misfit-same_bits = on the CPU the run gives the same bits every time
misfit-precision = the run computes in { $precision }
misfit-not_ours = it changes a configuration of newllm train, and this training has none
misfit-whose_context = where the context is, is known of newllm's architectures cell and stack only
misfit-no_context = architecture '{ $body }' reads no context
misfit-matrices = its context is matrices (rule '{ $rule }'), and this is of vectors
misfit-not_a_cell = it changes the FNN of newllm's architecture cell
misfit-no_branch = with one layer there is no branch
misfit-whose_branches = which layers end a residual branch is known of newllm's own architectures only
misfit-no_branches = architecture '{ $body }' has no residual branches here
misfit-whose_attention = where queries meet keys is known of newllm's own architectures only; torch's attention leaves nowhere to change them before that
misfit-no_attention = architecture '{ $body }' has no attention
misfit-whose_logits = the loss of another training does not tell what its logits are
misfit-no_dropout = no dropout above 0 was found in its model
misfit-no_embedding = its model has no nn.Embedding with a weight of its own
misfit-single_layer = its model has one layer: nothing would be left to train
misfit-usual_embedding = its embedding has about the usual scale
misfit-no_matrices = its model has no matrices

## where a replay leaves the run
difference-batch = at step { $step } a different batch is read
difference-weights = at step { $step } the weights differ
difference-loss = at step { $step } the loss is { EXACT($replayed) }, recorded { EXACT($recorded) }
difference-gradient_norm = at step { $step } the gradient norm is { EXACT($replayed) }, recorded { EXACT($recorded) }
differs-no_time = { $difference }; no time was left to find out why
differs-agree = { $difference }{ $parameter ->
    [none] {""}
   *[other] , first in '{ $parameter }'
}; two replays agree with each other, so the record, the code or the machine is not the same
differs-changed = { $difference }{ $parameter ->
    [none] {""}
   *[other] , first in '{ $parameter }'
}; two replays agree with each other, and the state of the run was changed from outside
differs-apart = { $difference }; two replays of the same state differ from step { $step } on{ $batch ->
    [yes] , in their batches
   *[no] {""}
}{ $parameter ->
    [none] {""}
   *[other] , most in '{ $parameter }'
}{ $random_state ->
    [none] {""}
   *[other] , and the random state of { $random_state } differs after it
}{ $losses ->
    [yes] , in their losses
   *[no] {""}
}

## while replays run
notice-cause_shown = a cause is shown; what is left is tried once
notice-loop-not_kept = what is replayed is another training than { $path } holds: nothing is written there, and the results are forgotten with this process (out= with a new directory keeps them)
notice-kept = the earlier verdict on this spike shows more and stays in the run; what follows is not written
notice-leaves = the replay parts from the run at step { $step }: finding out what differs
notice-bits = { $difference }: the replay may not give the same bits
notice-bits_of_unlike = from step { COUNT($step) } on some ranks computed on another kind of processor than rank 0: the replay may not give the same bits
notice-loop = a replay of this training differs from { $call } in these points:
notice-loop-callbacks = your own callbacks are not called: { $names }; if one of them changes the learning rate, weights or gradients, the replay is another training, unless you pass it: loop(..., callbacks=[it])
notice-loop-stops = { $name } is not called: all { COUNT($steps) } updates are trained
notice-loop-dropout = dropout and other random numbers of the model are drawn from the seed and the step: the losses differ from those of { $call } by chance
notice-loop-data = the data set or what collates it draws random numbers: here they are drawn from the seed and the number of the batch
notice-loop-order = the order of the data comes from the generator that dropout draws from too: from the second epoch on the order differs
notice-loop-read = the data are read from their beginning, once more for each replay
notice-loop-step = { $name } is your own: what it does after the backward pass is left out
notice-loop-hook = { $name } is your own, and is left out: a replay goes backwards, clips, steps and clears gradients itself
recorded-same = The losses of this training are those of { $path } to the bit, over { COUNT($n) } steps.
recorded-rounding = The losses of this training are those of { $path } but for rounding, over { COUNT($n) } steps (first at step { $step }: { G($recorded, digits: 9) } there, { G($replayed, digits: 9) } here).
recorded-leaves = The losses of this training differ from those of { $path } from step { $step } on ({ G($recorded, digits: 5) } there, { G($replayed, digits: 5) } here; most at step { $at }, by { G($most, digits: 3) }): { $by_chance ->
    [yes] here random numbers are drawn in another way, so the losses differ by chance.
   *[no] something was at work there that is not here, a callback for example, or the data or the weights differed.
}
recorded-forgotten = So nothing of these replays is kept: newllm.replay(loop, out=...) with a new directory keeps them.
recorded-spike = { $replayed ->
    [none] The spike of the recording at step { $spike } is not in this training.
   *[other] The spike of the recording at step { $spike } is in this training too, at step { $replayed }.
}
environment = this run began with { $name } { $before }, here it is { $now }

## what a guard decides
guard-decided = at step { $detected } the loss { $rise ->
    [none] is not finite; it left its trend
   *[other] is { PERCENT($rise) }% above the trend that it left
} at step { $onset }: { $decision }
guard-asks = nothing was changed
guard-stops = { $n } recoveries in a row did not hold ({ $names }): given up
guard-skips = rolled back to step { $back }, and the batches up to step { $last } are skipped
guard-skips_because = { $why }: rolled back to step { $back }, and the batches up to step { $last } are skipped
guard-no_budget = the budget of { $budget } updates allows no replay
guard-not_the_run = the unmodified replay does not reproduce the run, so replays prove nothing
guard-nothing_helps = no remedy that was replayed helps
guard-recovers = replayed unchanged, the loss recovers by itself, so nothing was changed
guard-passes = replayed unchanged, the spike passes by itself, and { $helps ->
    [yes] what removes it costs more
   *[no] no remedy that was replayed helps
}, so nothing was changed
guard-changes = rolled back to step { $back }, from there on { $change } ({ $clean ->
    [yes] nothing
   *[no] { PERCENT($left) }%
} of the spike is left)
