# What in a run speaks for a cause: follows a cause's name.
cause-because = { $cause } ({ $percent } %): { $reason }
cause-hint = { $cause } ({ $reason })
cause-perhaps = perhaps { $cause } ({ $percent } %): { $reason }

cause-alone = nothing seen; this evidence leaves no other cause
cause-unproved = no proof: the same is seen where another cause is at work
cause-logged = { SIGNAL($signal) } was logged, and shows nothing of it
cause-unlogged = { SIGNAL($signal) } was not logged, which would show it
cause-recorded = the recording would show it, and does not
cause-unrecorded = not recorded: newllm.record would show it
cause-unseen = nothing in this run speaks for it

follows = follows from { $root }
because-seen = the finding itself shows it
because-spoken-for = the finding itself speaks for it
because-rate-jumped = the learning rate went from { G($before) } to { G($after) } at { $axis } { $step }
because-grew-first = the loss had grown to { G($factor, digits: 2) } times its first value before
because-updates-large = updates are far too large for their weights
because-from-start = the loss is above its start from { $axis } { $step } on, and stays there
because-rate-tiny = the rate is { G($rate) } at its highest, with which hardly any model is trained from its start
because-always-falls = the loss falls all along, by next to nothing
because-rate-zero = the rate is nothing from { $axis } { $step } on
because-schedule-turned = the rate rises again from { $axis } { $step } on, as smoothly as it fell
because-schedule-ended = the rate fell little by little, and is nothing from { $axis } { $step } on
because-warm-up-unfinished = the rate rises to the last point
because-schedule-restarted = the rate goes from { G($before) } to { G($after) } at { $axis } { $step }, where its schedule begins anew
because-clipped-away = clipping leaves { PERCENT($left, digits: 2) } % of the gradient
because-gradient-carried = the recorder saw the last gradient still there before an update
because-gradient-grows = the gradient norm grows and hardly scatters, as a sum over all batches does
because-accumulation-scale = the gradient grows with the number of backward passes
because-no-gradient = the gradient norm is exactly zero
because-loss-constant = the loss is { G($value, digits: 5) } at every point, to five digits
because-batch-with-gradient = loss and gradient rise for { $points ->
    [one] one point
   *[other] { $points } points
} and are back at once
because-block = the loss is up at once, level for { $points } points, and down at once
because-data-order = batches are like their neighbours, or change their kind along the data
because-never-learnt = the usual validation loss is { G($validation) }, above the { G($start) } that training began at, while training learns
because-only-validation-jumps = the validation loss jumps while the training loss does not
because-training-moved = the training loss moved meanwhile
because-floor = the loss stands at the least that two of them allow
because-gradient-first = the gradient was not finite first, at { $axis } { $step }, while the loss still was, and something is computed in float16
because-finite-again = the loss is finite again behind it
because-moments-forgotten = the moments, and no weights, changed { $times } times between updates
because-clipped-still = clipping leaves { PERCENT($left, digits: 5) } % of the gradient, and the recorder saw updates of nearly nothing
because-state-changed = weights or moments changed before { $axis } { $step }, and not by the optimizer
because-context-grows = the context grows with every position
because-frozen = a layer that should train never moves
because-rate-negative = the rate is below zero from { $axis } { $step } on
because-validation-unmoved = validation hardly moves from its first evaluation to its last, while training learns: it is made of other weights (an average, or old ones)
because-stands-still = all evaluations are equal to the last digit, although there are a rate and a gradient: the optimizer holds other weights
because-worse-than-start = the loss goes up to { G($peak) }, above the { G($start) } that it began at, for { $points } points
because-by-heart = training comes from { G($start) } down to { G($end) }, while validation never gains from it
because-few-train = the loss falls all along, by little, at a usual rate, while the gradient of the whole model stays as it was: few weights move
because-last-bias = the gradient scatters from batch to batch as that of the last bias alone: nothing of the inputs reaches the output
because-constant-multiple = the training loss is { G($first, digits: 2) } times the validation loss at the first evaluations, and { G($last, digits: 2) } times at the last
because-multiple-of-chance = the loss stands at { G($times, digits: 2) } times that of a guess which is right as often
because-own-part-small = { SIGNAL($part) } alone is about as high as the validation loss: the rest of the training loss outweighs it
because-part-subtracted = in the sum of its parts { SIGNAL($part) } has a weight below zero
because-divergence-weight = the loss is at every point the reconstruction and { G($weight, digits: 3) } times the divergence
because-mirrors-validation = the training loss is the validation loss with the other sign
because-other-units = training comes from { G($start) } to { G($end) }, while validation stays at { G($validation) } to within one percent: what is learnt is not what is asked
because-rate-high = the rate is { G($rate) }, ten times and more what such models bear with the usual optimizers
because-class-never-found = { PERCENT($accuracy, digits: 1) } % are right at every evaluation, and { SIGNAL($signal) } is zero: the rare class is never predicted
because-batch-outlier = the inputs of the update at { $axis } { $step } are far outside what all others have: { $what } { G($value, digits: 3) } in place of { G($usual, digits: 3) }
because-inputs-not-finite = the inputs of the update at { $axis } { $step } hold a value that is not finite
because-inputs-changed = the inputs change at { $axis } { $step }, and stay so
because-evaluation-inputs = inputs have standard deviation { G($std, digits: 2) } and mean { G($mean, digits: 2) } in training, and { G($other_std, digits: 2) } and { G($other_mean, digits: 2) } in evaluations
because-repeated-batch = the updates there were all made with one batch
because-targets-changed = { PERCENT($share, digits: 2) } % of the inputs that came again had another target than before
because-one-class = batches hold targets of few classes each
because-target-is-input = the targets are the tokens of the input themselves, at the same places
because-new-classes = the targets hold { $after } classes from there on, and { $before } before
because-back-each-time = the loss of every { $every }th batch is high, and that of the next one as before, each time
because-updates-as-set = updates of { G($ratio, digits: 2) } of the weights, as long as the learning rate lets Adam make them: all of the run together hardly move them
because-below-chance = { PERCENT($accuracy, digits: 2) } % of validation is right, where a guess has { PERCENT($chance, digits: 2) } %
because-targets-far = targets are thousands of times as large as what the model gives
because-decay = weight decay is most of what updates do
because-weights-outgrown = the first updates, with a rate of up to { G($rate) }, made most layers { G($factor, digits: 2) } times as long as they were, and nothing is learnt since
because-layers-idle = it is so in the first pass already, before any update: { $what ->
    [vanishing-gradient] hardly any gradient reaches { $layer }
    [dead-units] the units of { $layer } are off
   *[saturated-gates] { $layer } is at its bounds
}
because-gradient-steep = the gradient of the very first batch is { G($gradient, digits: 2) } long at a loss of { G($loss) }, before any update
because-logits-wide = the first loss is { G($loss) }, before any update, where guessing costs { G($uniform) }: the weights give logits that lie far apart
because-units-off = the units of { $layer } are off in the first pass already, before any update
because-future-seen = the output at a position depends on the token that it is asked for
because-text-unread = the outputs depend on one token alone, and on no other of the text
because-only-padding-asked = all targets are one token: what counts in the loss is padding
because-one-target = all targets are one class
because-told-by-input = { $how ->
    [class] { $count ->
        [one] one place of the inputs alone tells
       *[other] { $count } places of the inputs, each by itself, tell
    } the class in training
   *[number] one number of the inputs follows the target in training (correlation { G($share, digits: 4) })
}
because-unrelated-noise = the targets are drawn noise that is not in the inputs (correlation { G($correlation, digits: 1) }), and none of it is told
because-begun-anew = behind the resume at { $axis } { $step } weights are as long as at the very start, and the loss is { G($loss) } (first { G($first) }): no checkpoint was loaded
because-dropped = a dropout layer leaves out { PERCENT($share, digits: 2) } % of what it is given
because-other-targets = the most frequent target is { $after } from { $axis } { $step } on, and was always { $before } before
because-derivative-not-finite = at { $axis } { $step } the gradient is not finite, of a finite loss and finite inputs, and was calm before
