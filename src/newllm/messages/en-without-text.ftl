# What is said of a run that reads no text (images, tables, sounds), in the place of sentences that speak of tokens.

finding-loss-drop =
    .explained = The training loss fell far below its trend for a while and returned to it. Usually the batches there were too easy (repeated samples, targets that are left out): look at the batches of these steps.
    .sentence = { $signal } falls from { G($base) } to { G($low) } at { $axis } { $lowest } and is higher again after { $last }
    .no-targets = batches without targets
    .seen-text = samples that training had shown before
    .test = Look at the batches of these steps.

finding-worse-than-uniform =
    .explained = The loss is above ln K, the loss of a model that finds all K classes equally likely: knowing nothing would be better. The model is confidently wrong: look first at the step at which its loss rose above ln K, and at how targets are made.
    .sentence = { $signal } is worse than uniform guessing among { $vocabulary } classes (ln { $vocabulary } = { G($uniform) }) at { $points ->
        [one] { $axis } { $first }, with
       *[other] { $points } points from { $axis } { $first } to { $last }, at worst
    } { G($worst) }
    .other-units = the loss is summed, scaled or regularised, and so no mean cross-entropy
    .test = Evaluate a model whose logits are all zero: its loss must be the logarithm of the number of classes.

finding-over-fitting =
    .explained = The validation loss rises while the training loss goes on falling: the model memorises its training data. Keep the checkpoint with the best validation loss; more data, augmentation, or a smaller model, helps.
    .sentence = { $signal } was best at { $axis } { $first } ({ G($best) }) and has risen by about { G($rise, digits: 3) } since{ $training_fell ->
        [yes] , while the training loss fell
       *[no] { "" }
    }
    .surer = the model grows ever more confidently wrong about a few targets, while most stay right: look at the accuracy
    .never-trained = targets that never occur in training: split the loss by class
    .test = Train on more data for the same number of steps: over-fitting shrinks, anything else stays.

finding-validation-gap =
    .explained = From the first evaluation on, validation and training disagree by more than what was learnt by then explains. An untrained model does equally badly on both, so the two may be prepared differently, or one of them may read few rows only: evaluate training batches with the evaluation's own code, and count the rows.
    .sentence = validation_loss is { G($validation) } at its first evaluation, when the training loss is about { G($training) }, and { G($later, digits: 2) } times the training loss at the end; that alone does not say why: the two may be measured or prepared differently, or one of them may read few rows only
    .within = validation_loss is { G($validation) } at { $axis } { $step }, when the training loss is about { G($training) } although no data had been read twice by then, and { G($later, digits: 2) } times the training loss at the end; that alone does not say why: the two may be measured or prepared differently, or one of them may read few rows only
    .never = validation_loss lies between { G($low) } and { G($high) } and never falls clearly below { G($start) }, where training began, while the training loss falls to { G($training) }{ $new ->
        [yes] ; its first evaluation was within the first epoch, when no data had been read twice
       *[no] { "" }
    }: what is learnt in training does not help validation
    .scaled = validation_loss is { FIXED($times, digits: 0) } times the training loss before anything was learnt, and falls in step with it: the two have different units, such as a sum and a mean, or a loss that is divided by the number of accumulation steps
    .chosen = validation_loss is { G($validation) } at its first evaluation, when the training loss is about { G($training) }: an evaluation chooses among { COUNT($many) }, training among { COUNT($few) }, which makes about this difference
    .other-text = validation data of another kind than the training data
    .trained-before = a run that began from a trained model
    .test = Evaluate some training batches with the evaluation's own code: it must give the training loss.

finding-too-good =
    .explained = The loss is almost zero on held-out data as well: the model sees what it should predict. Check that no input holds the answer, and that no validation sample is also in training.
    .sentence = the training loss falls to { G($training) } and the validation loss to { G($validation) }, almost zero by { $axis } { $step }: hardly any data are so predictable
    .low = the training loss falls to { G($training) } and the validation loss to { G($validation) } by { $axis } { $step }: less than most tasks of so many classes leave
    .one-answer = a task with one right answer to each question, such as copying or arithmetic
    .test = Replace the inputs by noise: if the loss stays low, the answer reaches the model by another way.

finding-dead-units =
    .explained = Most units of a layer are zero for every input: they compute nothing and get no gradient. Look at the layer over a larger batch, then train again with a smaller learning rate.
    .sentence = { PERCENT($share) } % of the units of { $worst } are zero for every input (layers: { $layers })
    .small-batch = a batch so small that many units are idle by chance
    .sparsity = intended sparsity
    .test = Look at the same layer over a larger batch; train again from before with a smaller learning rate.

finding-auxiliary-loss =
    .explained = A part of the loss beside the main one has grown without bound, has jumped, has vanished, or counts with the wrong sign. Compare its size and its sign with what it is there for (a balance of experts, the use of a codebook, exploration), and print what it acts on.
    .sentence = { SIGNAL($signal) } was at about { G($usual) }, { $explodes ->
        [yes] explodes
       *[no] vanishes
    } from { $axis } { $first } on and is at { G($level) }
    .one = { SIGNAL($signal) } is { G($level) } from { $axis } { $first } on: { $experts ->
        [yes] one expert gets everything
       *[no] one code stands for everything
    }
    .subtracted = { SIGNAL($total) } is the sum of its logged parts with a weight of { G($weight) } for { SIGNAL($signal) }, which goes from { G($first) } to { G($last) }: training makes this part larger, not smaller
    .added = { SIGNAL($total) } is the sum of its logged parts with a weight of { G($weight) } for { SIGNAL($signal) }, which goes from { G($first) } to { G($last) }: training makes the policy less random, which an entropy bonus should prevent
    .asked = the loss rises with the entropy of the policy, with a weight of { G($weight) }, by the gradient of what the policy returned from { $axis } { $first } to { $last }: training makes the policy less random, which an entropy bonus should prevent
    .jumps = { SIGNAL($signal) } jumps from about { G($before) } to { G($after) } at { $axis } { $first } and stays there
    .weight = a deliberate change of this loss's weight
    .both-sides = Compare the weight of this part, and what it is computed from, just before that step and just after.
    .less-random = a policy that is to become less random
    .wanted = a part that is meant to be large, such as a bonus
    .sign = Compute the loss of one batch by hand from its parts, and compare the signs.
    .test = Print how the inputs are shared among the experts, or how much of the codebook is used.

known-vocabulary = { COUNT($count) } classes
unseen-vocabulary = the number of classes or tokens (--vocab N)
unit-loss = { "" }
term-repeated-text = repeated data
