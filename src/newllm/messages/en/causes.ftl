# What in a run speaks for a cause: follows a cause's name.
cause-because = { $cause } ({ $percent } %): { $reason }
cause-hint = { $cause } ({ $reason })
cause-perhaps = perhaps { $cause } ({ $percent } %): { $reason }

cause-alone = nothing seen; this evidence leaves no other cause
cause-unproved = no proof: the same is seen when other causes are at work
cause-logged = { SIGNAL($signal) } was logged, and shows no sign of it
cause-unlogged = { SIGNAL($signal) } was not logged, which would show it
cause-recorded = the recording would show it, and shows no sign of it
cause-unrecorded = not recorded: newllm.record would show it
cause-unseen = nothing in this run speaks for it

follows = follows from { $root }
cause-replays_show = replays of this run have shown it
because-seen = the finding itself shows it
because-spoken-for = the finding itself speaks for it
because-rate-jumped = the learning rate went from { G($before) } to { G($after) } at { $axis } { $step }
because-grew-first = the loss had grown to { G($factor, digits: 2) } times its first value before
because-updates-large = updates are far too large for the weights that they change
because-from-start = the loss is above its starting value from { $axis } { $step } on, and stays there
because-rate-tiny = the learning rate is { G($rate) } at its highest, too small to train almost any model from scratch
because-always-falls = the loss falls throughout, but only by a tiny amount
because-rate-zero = the learning rate is zero from { $axis } { $step } on
because-schedule-turned = the learning rate rises again from { $axis } { $step } on, as smoothly as it fell
because-schedule-ended = the learning rate fell gradually, and is zero from { $axis } { $step } on
because-warm-up-unfinished = the learning rate rises to the last point
because-schedule-restarted = the learning rate goes from { G($before) } to { G($after) } at { $axis } { $step }, where its schedule starts again
because-clipped-away = clipping leaves { PERCENT($left, digits: 2) } % of the gradient
because-gradient-carried = the recorder found the previous gradient still there before an update
because-gradient-cleared = from { $axis } { $step } on the gradient that the backward pass left was gone before the optimizer read it
because-gradient-grows = the gradient norm grows and hardly scatters, as the sum over all batches does
because-accumulation-scale = the gradient grows with the number of backward passes per update
because-no-gradient = the gradient norm is exactly zero
because-loss-constant = the loss is { G($value, digits: 5) } at every point, to five significant digits
because-batch-with-gradient = loss and gradient rise for { $points ->
    [one] one point
   *[other] { $points } points
} and return at once
because-block = the loss rises at once, stays level for { $points } points, and falls at once
because-data-order = neighbouring batches are alike, or the kind of data changes along their order
because-never-learnt = the usual validation loss is { G($validation) }, above the { G($start) } at which training began, while the training loss falls
because-only-validation-jumps = the validation loss jumps while the training loss does not
because-training-moved = the training loss moved in the meantime
because-floor = the loss stays at the lowest value that two softmaxes allow
because-gradient-first = at { $axis } { $step } the gradient stopped being finite first, while the loss still was, and something is computed in float16
because-finite-again = the loss is finite again afterwards
because-resumed-anew = the optimizer held no state at { $axis } { $step }, where the training was resumed
because-moments-forgotten = between updates the moments, but no weights, changed { $times } times
because-clipped-still = clipping leaves { PERCENT($left, digits: 5) } % of the gradient, and the recorder saw updates of almost zero
because-state-changed = weights or moments changed before { $axis } { $step }, though not by the optimizer
because-context-grows = the context grows from position to position
because-frozen = a layer that should be trained never moves
because-rate-negative = the learning rate is below zero from { $axis } { $step } on
because-validation-unmoved = validation hardly moves from its first evaluation to its last, while training learns: other weights are evaluated (an average, or old ones)
because-stands-still = all evaluations are equal to the last digit, although learning rate and gradient are not zero: the optimizer holds other weights
because-by-heart = the training loss falls from { G($start) } to { G($end) }, while validation never gains from it
because-few-train = at a usual learning rate the loss falls throughout, but only a little, while the gradient of the whole model stays as it was: few weights move
because-last-bias = the gradient scatters from batch to batch like that of the last bias alone: nothing of the inputs reaches the output
because-constant-multiple = the training loss is { G($first, digits: 2) } times the validation loss at the first evaluations, and { G($last, digits: 2) } times at the last
because-multiple-of-chance = the loss stays at { G($times, digits: 2) } times that of a guess with the same accuracy
because-own-part-small = { SIGNAL($part) } alone is about as high as the validation loss: the other terms of the training loss outweigh it
because-part-subtracted = in the sum of its parts { SIGNAL($part) } has a negative weight
because-entropy-added = { $part ->
        [entropy_weight] the loss rises with the policy's entropy, which an entropy bonus is subtracted for
       *[other] in the sum of the loss's parts { SIGNAL($part) } has a positive weight, where an entropy bonus has a negative one
    }
because-divergence-weight = at every point the loss is the reconstruction loss plus { G($weight, digits: 3) } times the divergence
because-mirrors-validation = the training loss is the validation loss with the opposite sign
because-other-units = the training loss goes from { G($start) } to { G($end) }, while the validation loss stays within one percent of { G($validation) }: what is learnt is not what validation asks
because-rate-high = the learning rate is { G($rate) }, at least ten times what such models tolerate with the usual optimizers
because-class-never-found = the accuracy is { PERCENT($accuracy, digits: 1) } % at every evaluation, and { SIGNAL($signal) } is zero: the rare class is never predicted
because-batch-outlier = the inputs of the update at { $axis } { $step } are far outside those of all others: { $what } { G($value, digits: 3) } instead of { G($usual, digits: 3) }
because-inputs-not-finite = the inputs of the update at { $axis } { $step } hold a value that is not finite
because-inputs-changed = the inputs change at { $axis } { $step }, and do not change back
because-evaluation-inputs = inputs have standard deviation { G($std, digits: 2) } and mean { G($mean, digits: 2) } in training, and { G($other_std, digits: 2) } and { G($other_mean, digits: 2) } in evaluations
because-evaluation-tokens = { PERCENT($share) } % of the pairs of neighbouring tokens of evaluations are other than those of training
because-repeated-batch = batches came again there, row for row
because-recoded = at { $axis } { $step } { PERCENT($after) } % of the answers are right, of { PERCENT($before) } % before, and of the wrong ones { PERCENT($share) } % are so by a rule: each class is asked for by another number than before. The numbers of the classes are others from there on, in all of the data or in a part of it
because-targets-changed = { PERCENT($share, digits: 2) } % of the inputs that came again had a different target than before
because-one-class = each batch holds targets of only a few classes
because-first-update-long = the first update moved the usual layer by { PERCENT($ratio) } % of its length, and the loss rose from { G($before) } to { G($after) }
because-inputs-large = inputs have a root mean square of { G($size, digits: 2) }
because-tiny-batch = batch norm got batches of { $rows } rows, where { $usual } are usual
because-target-is-input = the targets are the input tokens themselves, at the same positions
because-new-classes = the targets hold { $after } classes from there on, up from { $before }
because-back-each-time = the loss of one batch in every { $every } is high, and that of the next is as before, each time
because-updates-as-set = updates are { G($ratio, digits: 2) } of the weights, as large as the learning rate lets Adam make them: even all updates of the run together hardly move the weights
because-below-chance = { PERCENT($accuracy, digits: 2) } % of validation is right, where a guess would get { PERCENT($chance, digits: 2) } %
because-outputs-end = outputs end at { G($bound, digits: 2) }, where an activation ends, and a tenth of the targets is beyond { G($far, digits: 2) }
because-targets-far = targets are thousands of times as large as the model's outputs
because-decay = weight decay is most of each update
because-weights-outgrown = the first updates, at a learning rate of up to { G($rate) }, made the weights of most layers { G($factor, digits: 2) } times as large as they were, and nothing has been learnt since
because-layers-idle = already in the first pass, before any update, { $what ->
    [vanishing-gradient] hardly any gradient reaches { $layer }
    [dead-units] the units of { $layer } are inactive
   *[saturated-gates] { $layer } is at its bounds
}
because-gradient-steep = already at the very first batch, before any update, the gradient norm is { G($gradient, digits: 2) } at a loss of { G($loss) }
because-logits-wide = the first loss, before any update, is { G($loss) }, where guessing costs { G($uniform) }: the initial weights give logits that lie far apart
because-units-off = the units of { $layer } are inactive already in the first pass, before any update
because-future-seen = the output at a position depends on what it should predict
because-text-unread = the outputs depend on one token alone, and on no other token of the text
because-only-padding-asked = all targets are the same token: what counts in the loss is padding
because-one-target = all targets are the same
because-told-by-input = { $how ->
    [class] { $count ->
        [one] one position of the inputs alone tells
       *[other] { $count } positions of the inputs, each by itself, tell
    } the class in training
   *[number] one number of the inputs follows the target in training (correlation { G($share, digits: 4) })
}
because-unrelated-noise = the targets are random noise that is not in the inputs (correlation { G($correlation, digits: 1) }), and none of it is predicted
because-begun-anew = after the resume at { $axis } { $step } the weights have the norm that they had at the very start, and the loss is { G($loss) } (first { G($first) }): no checkpoint was loaded
because-dropped = a dropout layer drops { PERCENT($share, digits: 2) } % of its inputs
because-other-targets = the most frequent target is { $after } from { $axis } { $step } on, and was always { $before } until then
because-asked-anew = from { $axis } { $step } on training has learnt other answers to the same inputs than evaluations ask for
because-learnt-anew = at { $axis } { $step } training is at once above where it began, and learns that; validation, at { G($before) } until then, stays at { G($after) }: since that step training is given other targets for inputs of the same kind
because-update-not-finite = at { $axis } { $step } the gradient is finite and the update that the optimizer makes of it is not: in float16 an epsilon of 1e-8 is zero, and it divides by zero
because-singular-derivative = at { $axis } { $step } the gradient is not finite although the loss is, and in just the layers that { $functions } leads to, whose derivative is infinite at some values
because-derivative-not-finite = at { $axis } { $step } the gradient is not finite although loss and inputs are, and until then it was calm
because-only-state = { $change }; nothing else that was looked at changed then ({ $looked } signals of { $groups })
because-only-targets = { $change }; nothing else that was looked at changed then ({ $looked } signals of { $groups })
because-only-multiple = { $change }; nothing else that was looked at changed then ({ $looked } signals of { $groups })
because-only-decay = { $change }; nothing else that was looked at changed then ({ $looked } signals of { $groups })
because-only-dropout = { $change }; nothing else that was looked at changed then ({ $looked } signals of { $groups })
