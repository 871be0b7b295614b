# What English messages said in earlier newllms. A file that was written then holds these sentences beside their data; by
# them `read_message` sees that both say the same, so that the sentence comes in today's words and in every language.
# A part of this file, headed "##", holds those that were changed together, the latest first; a message that was changed
# twice stands in two. What stands in none of the parts down to one was at that time as it is today.

## until 2026-11-28
happened = The { NAMED($signal, kind: "spiked") } spikes at step { $onset }: it rises from { G($base, digits: 3) } { $height ->
    [none] without end
   *[other] by { G($height, digits: 3) } nats
} (worst at step { $peak }). { $depends_on_seed ->
    [yes] Whether it does so depends on the seed: { $spiked } of { $n } replays with another seed spike too.
   *[no] The spike recurs: { $spiked } of { $n } replays with another seed spike too.
}
helps-removes = With { $change } it is gone: no spike in { $n } fresh replays (p { G($p, digits: 2) }{ $loss ->
    [unknown] {""}
    [same] , at no cost in loss
    [behind] , { G($nats, digits: 2) } nats behind at equal steps
   *[ahead] , { G($nats, digits: 2) } nats ahead at equal steps
}){ $more ->
    [0] {""}
   *[other] ; the same with { $others }
}.
helps-unsure = Nothing removes it for sure; with { $change } { $outcome ->
    [reduces] it is smaller
    [delays] it comes later
   *[removes] it is gone, unsurely
} ({ $effect ->
    [none] { $outcome }
   *[other] { PERCENT($effect) }% of its severity is gone
}, { $n } fresh replays).
helps-nothing = Nothing that was tried takes it away.
cause-shown = The cause is { $name } ({ CLAUSE($hypothesis) }): { $alternatives } rival changes as strong leave the spike, and injected into a healthy segment it causes one in { $spiked } of { $n } replays.
cause-remedy = That is a remedy and no proof of a cause yet. { $missing }
missing-not_moved = { $name }: it did not move what it aims at ({ $signal }), so it tests nothing.
missing-dampens = { $name }: it takes { PERCENT($share) }% from a spike that it has nothing to do with, too, and nothing in the log speaks for its cause.
missing-rivals = { $name }: fewer than { $least } rival mechanisms were changed as strongly; try more of them.
missing-confirmation = { $names } removed the spike in the screen only: a longer budget (--budget, budget=) would confirm it or not.
missing-unsure = { $name }: the spike is gone in { $n } fresh replays, but without the change it often stays away too (p { G($p, digits: 2) }): whether it removes it is not sure.
missing-remedy = Nothing that was tried removes the spike: its cause is not among what was changed, or two act together.
differs-where = The unmodified replay is not the run: they part at step { $step }{ $parameter ->
    [none] {""}
   *[other] , in { $parameter }
}.
differs-so = Whatever a change did could be that difference, so nothing was changed.
differs-fix = Mend what differs (another machine, version, text, or code that is not a function of seed and step).
changed-state-shown = Up to step { $first } the replay is the run{ $exact ->
    [yes] { " " }to the bit
   *[no] {""}
}{ $recorded ->
    [yes] ; the recorder saw bits that changed after one update and before the next
   *[no] {""}
}{ $resumed ->
    [yes] ; a replay from the run's state at step { $start } is the run again, up to step { $end }
   *[no] {""}
}{ $differing ->
    [0] {""}
   *[other] ; at step { $start } the states of the two differ most in { $tensors }
}.
aim-gradient_norm_clipped = gradient norm clipped
aim-activation_rms = activation rms
aim-validation = validation
misfit-qk_norm_already = body 'attention' has QK-norm already
misfit-no_change_seen = the recorder saw nothing but the optimizer change what it would put back
misfit-carried = data.carry carries the context from each batch to the next: they have one order
misfit-not_ours = it changes a configuration of newllm train, and this is another training
misfit-whose_context = where the context is, is known of our own bodies cell and stack only
misfit-no_context = body '{ $body }' reads no context
misfit-not_a_cell = it changes the FNN of our body cell
misfit-whose_branches = which layers end a residual branch is known of our own bodies only
misfit-no_branches = body '{ $body }' has no residual branches here
misfit-whose_attention = where queries meet keys is known of our own bodies only; torch's attention leaves no place before it
misfit-no_attention = body '{ $body }' has no attention
difference-batch = at step { $step } another batch is read
difference-weights = at step { $step } the weights are others
differs-agree = { $difference }{ $parameter ->
    [none] {""}
   *[other] , first in '{ $parameter }'
}; two replays agree with each other: the record, the code or the machine is another
differs-apart = { $difference }; two replays of the same state differ from step { $step } on{ $batch ->
    [yes] , in their batches
   *[no] {""}
}{ $parameter ->
    [none] {""}
   *[other] , most in '{ $parameter }'
}{ $random_state ->
    [none] {""}
   *[other] , and the random state of { $random_state } is another after it
}{ $losses ->
    [yes] , in their losses
   *[no] {""}
}
notice-leaves = the replay leaves the run at step { $step }: finding out what differs
notice-loop = what a replay of this training takes otherwise than { $call }:
notice-loop-callbacks = callbacks of your own take no part: { $names }; where one changes the rate, weights or gradients, what is replayed is another training: loop(..., callbacks=[it]) lets it take part
notice-loop-stops = { $name } takes no part: all { COUNT($steps) } updates are trained
notice-loop-dropout = dropout and other random numbers of the model are drawn from the seed and the step: its losses are another draw than those of { $call }
notice-loop-order = the order of the data comes from the generator that dropout draws from too: from the second epoch on it is another order
recorded-leaves = The losses of this training leave those of { $path } at step { $step } ({ G($recorded, digits: 5) } there, { G($replayed, digits: 5) } here; most at step { $at }, by { G($most, digits: 3) }): { $by_chance ->
    [yes] random numbers are drawn otherwise here, so that they are another draw.
   *[no] something took part there that does not here, a callback for example, or the data or the weights were others.
}
guard-not_the_run = the unmodified replay is not the run, so that replays show nothing
guard-recovers = replayed as it was it comes back by itself, so nothing was changed
guard-passes = replayed as it was it passes by itself and { $helps ->
    [yes] what removes it costs more
   *[no] no remedy that was replayed helps
}, so nothing was changed
signal-probe = probe
signal-probe_activation_rms = probe activation rms
signal-validation = validation
signal-count = count
signal-validation_correct = validation correct
signal-validation_count = validation count
signal-validation_classes = validation classes
signal-gradient_norm_clipped = after clipping
signal-gradient_carried = gradient carried
signal-backwards = backwards
signal-update_skipped = update skipped
signal-activation_rms = activation rms
signal-activation_zero = activation zero
signal-gate_saturation = gate saturation
signal-log_z = log z
signal-logit_max = logit max
signal-logit_min = logit min
signal-tokens_unread = tokens that it does not depend on
signal-inputs_telling = places of the inputs that tell the class
signal-noise_in_input = correlation of this noise with the inputs
signal-noise_explained = share of this noise that the outputs tell
signal-attention_logit = attention logit
signal-sample = sample
signal-rows_repeated = share of rows of the update before
signal-validation_rows_seen = share of these that was trained on
signal-target_most_share = its share
signal-targets_changed = share of these with another target
signal-target_is_input = target is the input
signal-target_is_next = target is the next token
signal-target_is_second = target is the token behind the next

## until 2026-11-26
happened = The { NAMED($signal, kind: "spiked") } leaves its trend at step { $onset } ({ $height ->
    [none] without end
   *[other] from { G($base, digits: 3) } by { G($height, digits: 3) } nats
}, worst at step { $peak }), and it { $depends_on_seed ->
    [yes] depends on the seed
   *[no] comes back
}: { $spiked } of { $n } replays with other chance spike.
cause-shown = The cause is { $name } ({ CLAUSE($hypothesis) }): { $alternatives } rival changes as strong leave the spike, and planted into a healthy stretch it brings one about in { $spiked } of { $n } replays.
missing-reverse = { $name }: there was no reverse test (nothing to plant, no healthy stretch, or no time).
missing-planted = { $name }: planted into a healthy stretch, its cause made { $spiked } of { $n } replays spike ({ $without } without it).

finding-worse-than-uniform =
    .explained = The loss is above ln V, that of a model which finds all V tokens equally likely: knowing nothing would be better. It is sure and wrong; look first at the step at which it went above, and at how targets are made.
    .sentence = { $signal } is worse than uniform guessing over { $vocabulary } tokens (ln V = { G($uniform) }) at { $points } points from { $axis } { $first } to { $last }, at worst { G($worst) }
    .other-units = the loss is summed, scaled or regularised and so not in nats per token
    .test = Evaluate a model whose logits are all zero: its loss must be ln V.

finding-worse-than-untrained =
    .explained = The loss is above that of the model before its first step. Training has made it worse than chance: look at the step at which it went above, and go on from before it.
    .sentence = { $signal } is worse than the untrained model was ({ G($untrained) }{ $inferred ->
        [yes] , inferred from the first values
       *[no] { "" }
    }) at { $points } points from { $axis } { $first } to { $last }, at worst { G($worst) }
    .trained-before = training began from a trained model, whose loss the first value is
    .test = Evaluate the model before its first step on the same data.
