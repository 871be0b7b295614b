# What is said of each kind of finding.

# The unit of the axis, which other sentences hold; English ones need it not.
axis-unit = { $axis }

finding-spike =
    .explained = The loss followed a trend, left it upwards by far more than it usually scatters, and came back. Training may have lost what it knew: replay it from before (newllm replay) to see which change takes it away.
    .sentence = { $signal } jumps from { G($base) } to { G($peak) } at { $axis } { $step } (it leaves its trend at { $onset }) and { $outcome ->
        [recovered] was back by { $axis } { $back }
        [new-plateau] settles on a higher plateau
       *[diverged] never comes back
    }; it cost { G($cost, digits: 3) } nats x { $axis }s{ $scheduled ->
        [yes] , where the schedule starts again
       *[no] { "" }
    }
    .harder-data = a harder stretch of data, where batches are not shuffled
    .other-evaluation = an evaluation on other data or at other settings than its neighbours
    .single-batch = a single bad batch that left the model as it was
    .changed-setting = a changed setting or a resume that the log does not show
    .test = Replay from a snapshot before the onset with the same batches and a smaller learning rate, and again with the batches of the onset left out.

finding-diverged =
    .explained = The loss left its trend upwards and never came back. What was trained since is of no use: go back to a snapshot from before, and replay from there with one change at a time.

finding-slow-divergence =
    .explained = The training loss has climbed slowly and for long from the best it had reached. No single step shows it; evaluate the best snapshot and the last on the same data, then go on from the best with a smaller rate.

finding-loss-drop =
    .explained = The training loss fell far below its trend for a while and came back. As a rule the batches there were too easy (repeated text, padding that counts): read the batches of these steps.

finding-plateau =
    .explained = The loss has hardly fallen from its first point to its last: nothing was learnt. Train on one single batch first; a sound set-up brings its loss to nearly nothing.
    .sentence = { $signal } stands at about { G($level) } from { $axis } { $first } to { $last }{ $at_uniform ->
        [yes] , which is uniform guessing (ln V = { G($uniform) })
       *[no] { "" }
    }{ $whole ->
        [yes] : nothing was learnt
       *[no] { " " }before it falls by { PERCENT($fall) } %
    }
    .learnt-before = the run began from a model that had learnt this already
    .small-rate = the learning rate is too small for the steps given
    .test = Train on one batch only: a sound set-up brings its loss to nearly nothing.

finding-worse-than-uniform =
    .explained = The loss is above ln V, that of a model which finds all V tokens equally likely: knowing nothing would be better. It is sure and wrong; look first at the step at which it went above, and at how targets are made.

finding-worse-than-untrained =
    .explained = The loss is above that of the model before its first step. Training has made it worse than chance: look at the step at which it went above, and go on from before it.

finding-not-finite =
    .explained = A loss or gradient is NaN or infinite. Every weight that such an update touches is lost: go back to a snapshot from before, and run that step in float32 with its batch checked for values that are not finite.

finding-over-fitting =
    .explained = The validation loss turns up while the training loss goes on falling: the model learns its text by heart. Keep the snapshot of the best validation; more text, or a smaller model, helps.

finding-validation-gap =
    .explained = Already at the start, when the model knew nothing, validation and training disagreed. An untrained model does equally badly on both, so one of the two is measured wrongly: evaluate training batches by the same code.

finding-stale-evaluation =
    .explained = Evaluations at different steps gave exactly the same value although the weights moved. They measured old weights or a cached result: evaluate again and print the norm of the weights beside it.

finding-repeated-loss =
    .explained = The training loss repeats exactly where it ought to scatter. The log, or the loop, writes one value again and again: see whether the weights move at all.

finding-skipped-updates =
    .explained = Steps were counted at which the optimizer changed nothing. Under mixed precision the loss scaler skips steps whose gradient overflows: print its scale, and count the optimizer's own steps.

finding-constant-accuracy =
    .explained = The accuracy is always the same k of n while the loss moves: it measures one thing only, such as the ends of sentences. Count which classes are predicted, and which targets are among the right ones.

finding-one-predicted-class =
    .explained = The model predicts one class for everything, so that its accuracy is the share of that class. Hold it against that share before anything else is read from it.

finding-evaluation-in-training-mode =
    .explained = The evaluation ran while the model was in training mode, so dropout and batch statistics are at work in the number. Call model.eval() before it and compare.

finding-label-frequency =
    .explained = The loss stands at the entropy of the tokens' frequencies: the model has learnt how often each token comes, and nothing of what comes before it. Check that inputs and targets belong together.

finding-perplexity-mismatch =
    .explained = The perplexity is not e to the loss of the same step. One of the two is averaged in another way or counted in bits: compute both from one sum of nats and one count of tokens.

finding-accumulation-scale =
    .explained = The gradient grows with the number of backward passes behind an update: accumulation sums where it should average, so the step is too long by that factor. Divide the loss by the number of passes.

finding-gradient-carried =
    .explained = Gradients were never cleared: each update repeats all that came before it. Call optimizer.zero_grad() behind every optimizer.step().

finding-gradient-explosion =
    .explained = The norm of the gradient left its trend by far. Unless it is clipped, one such step can undo thousands: replay it without its batch, and once more with the gradient clipped to its usual norm.

finding-learning-rate-jump =
    .explained = The learning rate jumped up, or its schedule began anew, where no plan would. What follows may be nothing but that: compare the rate with the configuration's schedule at this step.

finding-resume-jump =
    .explained = Several signals jump at one and the same step, as after a resume that lost part of the state. Resume again from the same snapshot with the optimizer's moments, and compare.

finding-second-moment =
    .explained = Adam's second moment lags behind the gradient, so updates are several times longer than they should be; a spike often follows. Replay with a smaller beta2 (0.95), and once more without these batches.

finding-update-ratio =
    .explained = Updates are far too large or too small for the weights that they change; about a thousandth of the weight is usual. Multiply or divide that layer's learning rate by ten and look again.

finding-activation-growth =
    .explained = A layer's outputs grow and grow and have not settled. Sooner or later they overflow or swamp the rest: try a norm, or weight decay, at this place.

finding-attention-collapse =
    .explained = A whole layer's attention has gone to one position, or its logits have run away; no gradient brings it back. Normalise queries and keys, and try a smaller learning rate.

finding-context-growth =
    .explained = The context grows by a factor with every position: the recurrence has a gain above one. It shows before the loss does. Normalise the context, or bound its decay below one, and replay.

finding-dead-units =
    .explained = Most units of a layer are zero for everything: they compute nothing and get no gradient. Look at the layer over a larger batch, then replay with a smaller learning rate.

finding-saturated-gates =
    .explained = Most gates of a layer are all open or all shut: they no longer decide anything, and hardly get a gradient. Replay from before with a smaller learning rate, or another bias at the start.

finding-frozen-layer =
    .explained = A layer that is said to be trained never moves. Part of the model stays as it was drawn: print the gradient of one of its weights after a backward pass, and see whether the optimizer was given it.

finding-vanishing-gradient =
    .explained = The gradient fades with depth: the far layers hardly learn. Plot the gradient norm by depth at the first step; residual connections or a larger initialisation keep it up.

finding-vanishing-signal =
    .explained = The outputs of layers fade with depth: what the model reads hardly reaches its end. Plot the activations by depth at the first step; residual connections or a larger initialisation keep them up.

finding-unknown-tokens =
    .explained = Validation asks for words that the vocabulary lacks, and training never did. The loss on them alone rises with every step and looks like over-fitting or a spike: split the validation loss by token class.

finding-never-trained-tokens =
    .explained = Validation holds far more tokens that training never has than a text of the same kind would. The two may come from different tokenizers: list the tokens, and encode both parts with one.

finding-changed-evaluation =
    .explained = Evaluations of one run were made on different sets, so their losses cannot be compared. Evaluate the snapshots before and after the change on one set.

finding-data-order =
    .explained = The training data change their kind along the order in which they are read. The model learns one kind and unlearns another, which looks like spikes: shuffle the documents once.

finding-leak =
    .explained = Validation holds documents or long stretches that training has too, token for token. Its loss measures memory there: take them out of training and train again.

finding-near-duplicates =
    .explained = Validation holds documents that training has almost. The loss is lower than on new text: split by groups of similar documents instead of by documents.

finding-repeated-windows =
    .explained = A large part of the training text is there more than once. The loss falls where it repeats, and the model learns it by heart: take the repetitions out and train again.

finding-padding-counted =
    .explained = Padding is among the targets. It is easy to predict, so the loss is lower than what the text costs: give it the index that the loss ignores.

finding-parameters-per-token =
    .explained = The model has so many parameters to so few tokens that it can learn its text by heart. That is no fault in itself; judge it on validation alone, and compare with a model of a tenth of the size.

finding-small-validation =
    .explained = Validation is too small for what is read from it: the interval on its loss is wide. Evaluate on ten times as many tokens of other documents before two models are compared.

finding-validation-shift =
    .explained = Validation is of another kind than training, by the frequencies of its tokens. Its loss says how the model does on that other kind: if it was not meant so, shuffle the documents and split them anew.
