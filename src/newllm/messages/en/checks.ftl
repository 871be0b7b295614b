# newllm.check: of each probe its question, why it matters, what to do first, and what it says.

check-runs = Can the loss be computed?
    .short = whether the loss can be computed
    .why = Without a loss there is no training.
    .first = Read the error: it comes from loss(model, batch) itself.
    .wrong = the loss cannot be computed: { $why }
    .compiled = it can. The model is compiled (torch.compile): it was checked without that

check-finite = Are the loss and its gradients finite?
    .short = finite losses and gradients
    .why = A single NaN or infinity in a gradient ends up in every weight.
    .first = Find the first layer whose output is not finite (torch.autograd.detect_anomaly); look for logarithms and roots of 0.
    .sound = the loss is { G($loss) }, and every gradient is finite
    .loss = the loss is { $loss } before anything was trained
    .gradient = the gradient of { $name }{ $count ->
        [one] { "" }
       *[other] { " " }and of { COUNT($count) } tensors in all
    } is not finite, though the loss is
    .detached = the loss has no gradient: it does not depend on any weight (a detach, no_grad, or .item() on the way)

check-repeatable = Does the same step give the same bits?
    .short = a step that repeats to the bit
    .why = What cannot be repeated cannot be replayed, and a bug in it cannot be found twice.
    .first = Look for what the loss reads besides model and batch: the clock, a file, an iterator, a generator that is made anew without a seed.
    .sound = run twice with the same seed, the step gave the same loss and the same gradients, to the bit
    .loss = with the same weights, batch and seed the loss is { EXACT($first) } and then { EXACT($second) }
    .placed = { check-repeatable.loss }{ check-where }
    .gradient = the loss is the same twice, but the gradient of { $name } is not ({ COUNT($count) } tensors differ)

check-batch-kept = Does a step leave its batch as it was?
    .short = a batch that stays as it was
    .why = A batch that is changed in place is different when it is used again: in accumulation, in an evaluation and, if it is a view of data in memory, in the next epoch.
    .first = Write x = x - mean instead of x -= mean or x.sub_(mean); or clone the batch first.
    .sound = { $changed ->
        [0] after a pass every tensor of the batch is unchanged, to the bit
       *[other] a pass writes into the batch ({ COUNT($changed) } of its tensors), and { $fresh ->
            [yes] the loader gives the batch anew each time
           *[no] the loss of what is left is the same
        }
    }
    .wrong = a pass writes into the batch ({ $name }{ $count ->
        [one] { "" }
       *[other] { " " }and { COUNT($count) } tensors in all
    }): its loss is { G($first) }, and with what is left of it { G($second) }

check-tied = Are weights tied where the configuration says so?
    .short = tied weights
    .why = Where the configuration says that embedding and head are one weight, they are tied again when the model is loaded, and what one of the two has learnt is lost.
    .first = Call model.tie_weights() after the last change of the model (giving memory to a model from the meta device, new embeddings), and create the optimizer after that.
    .sound = { $embedding } and { $head } are one weight, as the configuration says
    .wrong = the configuration says tie_word_embeddings, but { $embedding } and { $head } are two separate weights

check-optimizer-holds = Is every trainable parameter in the optimizer, once?
    .short = parameters in the optimizer
    .why = A parameter that the optimizer does not hold stays at its initial value for ever, and nothing else shows it.
    .first = Create the optimizer after the last change of the model (moving, wrapping, tying, new heads), from model.parameters(). If a second optimizer trains the rest, give step=.
    .sound = the optimizer holds every trainable tensor ({ COUNT($count) }) once{ $others ->
        [0] { "" }
       *[other] , and { COUNT($others) } that are not the model's
    }
    .nothing-trainable = no parameter of the model requires a gradient
    .other-model = the optimizer holds none of the model's trainable parameters: its { COUNT($others) } tensors belong to something else, such as an earlier copy of the model
    .missing = { $count ->
        [one] 1 trainable tensor ({ PERCENT($share) } % of all trainable weights) is not in the optimizer: { names-and-more }. If it should stay as it is, set requires_grad to False
       *[other] { COUNT($count) } trainable tensors ({ PERCENT($share) } % of all trainable weights) are not in the optimizer: { names-and-more }. If they should stay as they are, set requires_grad to False
    }
    .twice = { COUNT($count) } tensors are in the optimizer more than once: { names-and-more }

check-evaluation = Does the evaluation measure the loss, and change nothing?
    .short = the evaluation
    .why = An evaluation that runs in training mode, changes the model or compares outputs with other rows' labels does not measure the model that is trained.
    .first = Put the same batch through the loss and the evaluation; call model.eval() and torch.no_grad() before the evaluation, and model.train() after it.
    .sound = the evaluation gives { G($value) } for the batch, which is its loss in evaluation mode{ $training ->
        [yes] { "" }
       *[no] . It leaves the model in evaluation mode: call model.train() after it
    }
    .training = layers that the evaluation runs in training mode: { names-and-more }
    .changes = tensors of the model that the evaluation changes: { names-and-more }
    .rescaled = of the same batch the model is given other numbers in the evaluation, and they are the same but for their scale: a mean of { G($mean, digits: 2) } and a spread of { G($spread, digits: 2) } in training, { G($mean_there, digits: 2) } and { G($spread_there, digits: 2) } in the evaluation. One of the two normalises its inputs otherwise
    .bytes = images are whole numbers up to 255 in one of training and evaluation, and normalised in the other: what the model is given has a mean of { G($mean, digits: 2) } and a spread of { G($spread, digits: 2) } in training, { G($mean_there, digits: 2) } and { G($spread_there, digits: 2) } in the evaluation
    .rows = the evaluation gives { G($value) } for the batch, whose loss in evaluation mode is { G($expected) }; of batches of one row it gives the right one. So it compares outputs with the targets of other rows

# "sound" is said by files of before 2026-12 alone, which compared the numbers of rows and not what they hold.
check-order = Is the data read in a new order each epoch?
    .short = the order of the data
    .why = Rows that come in the order of their labels, or in the same order each time, teach the model that order; rows that never come teach it nothing.
    .first = Give the DataLoader shuffle=True; or a sampler that draws anew each time it is iterated.
    .sound = { $shuffled ->
        [yes] an epoch reads { COUNT($rows) } rows, none twice, and the next one in another order
       *[no] an epoch reads { COUNT($rows) } rows in the order of the data each time: they are not shuffled, which is right where the data are
    }
    .read = { $shuffled ->
        [yes] an epoch reads each of { COUNT($rows) } row numbers once, and the next one reads them in another order
       *[no] an epoch reads { COUNT($rows) } rows in the order of the data each time: they are not shuffled, which is right where the data are
    }{ $compared ->
        [0] { "" }
       *[other] . Of { COUNT($compared) } rows that were compared { $alike ->
            [0] no two hold the same
           *[other] { COUNT($alike) } ({ PERCENT($share, digits: 1) } %) hold the same as another
        }
    }
    .one-row = rows from all over the data ({ COUNT($rows) }) hold the same bits: the data set ignores the row's index
    .sorted = the rows are not shuffled, and they stand in the order of their labels: { $label } has one value in the whole first batch and rises over the data
    .same = the sampler says that it shuffles, and two epochs read { COUNT($rows) } rows in the same order
    .in-succession = each row comes { $times } times in succession under another number: of { COUNT($rows) } rows { COUNT($distinct) } are different ones. The data set holds as many in "{ $name }" as it has numbers, and never gives { COUNT($missing) } of them

check-workers = Do the loader's workers draw different random numbers?
    .short = the workers' random numbers
    .why = Workers are copies of one process: a generator of the data set's own draws the same numbers in each of them, and augmentation or noise comes in duplicates.
    .first = Seed the data set's generator in worker_init_fn from torch.initial_seed(), which differs for each worker and epoch.
    .sound = { $draws ->
        [yes] two workers, and two epochs, draw different random numbers
       *[no] nothing is drawn at random: row { $row } read twice by a worker holds the same bits
    }
    .alike = row { $row }, read twice by one worker, differs, and two workers read it with the same bits: they draw the same random numbers ({ COUNT($workers) } workers)
    .epochs = row { $row }, read twice by one worker, differs, and the next epoch begins with the same bits as the first: every epoch draws the same random numbers
    .streams = two of { COUNT($workers) } workers give the same batches: each reads the whole stream, so that everything comes { $workers } times

check-shards = Do the ranks read different rows?
    .short = the ranks' shares of the data
    .why = Ranks that read the same rows do the same work twice, and the batch is no larger for it.
    .first = Give the sampler the rank and the number of ranks of the running processes, and draw the order from a seed that all ranks share.
    .sound = the samplers of { COUNT($ranks) } ranks give { COUNT($rows) } rows, { $twice ->
        [0] none
       *[other] { COUNT($twice) }
    } of them twice
    .world = the sampler is that of rank { $rank } of { $ranks }, and this process is rank { $own } of { $world }
    .overlap = of { COUNT($rows) } rows that the samplers of { COUNT($ranks) } ranks give, { COUNT($twice) } come more than once

check-registered = Are all weights registered in the model?
    .short = weights registered in the model
    .why = Layers in a plain list or dictionary are no part of the module: parameters() leaves them out, and so do optimizer, .to() and state_dict().
    .first = Put layers into nn.ModuleList or nn.ModuleDict, and single weights into nn.ParameterList.
    .sound = the loss uses no weight from a plain list or dictionary of the model
    .wrong = the loss uses { COUNT($count) } tensors of weights that are not registered in the model: { names-and-more }, in a plain list or dictionary. They are never trained

check-settings = Are the optimizer and the batch norms set as they are meant to be?
    .short = the settings of optimizer and batch norms
    .why = Exchanged betas let updates grow far beyond the learning rate; running statistics that stand still, or are those of one batch, spoil every evaluation.
    .first = Give Adam beta1 below beta2 (0.9, 0.999). The momentum of a batch norm is the share of the newest batch here (0.1); TensorFlow's 0.99 is 0.01.
    .sound = { $count ->
        [0] beta1 is not above beta2
        [one] the momentum of the batch norm lets its statistics follow
       *[other] the momentum of { $count } batch norms lets their statistics follow
    }
    .betas = the betas are { G($beta1) } and { G($beta2) }: the average of the gradients forgets more slowly than that of their squares, by which it is divided
    .still = { $name } has momentum 0 ({ COUNT($count) } batch norms like it): its running statistics never move
    .newest = { $name } has momentum { G($momentum) } ({ COUNT($count) } batch norms like it): its running statistics are those of the newest batch

check-training-mode = Are dropout and batch norm in training mode?
    .short = training mode
    .why = A part that was left in evaluation mode trains without its dropout, or with statistics that never change.
    .first = Call model.train() after every evaluation, and set to eval() only what is frozen.
    .sound = layers that behave differently in training: { COUNT($of) }, each in the mode that its weights suggest
    .kept = layers that behave differently in training: { COUNT($of) }, of which the model's own train() keeps { COUNT($meant) } in evaluation mode
    .wrong = { COUNT($count) } of { COUNT($of) } layers that behave differently in training are in evaluation mode, though their weights are trained: { names-and-more }

# "wrong-axis" is said by files of before 2026-12 alone.
check-loss-form = Is the loss the cross-entropy of the model's output?
    .short = the form of the loss
    .why = With a softmax too many, learning is slow and the loss stops at a floor, without any error; with a logarithm missing, nothing useful is learnt.
    .first = Give logits to cross_entropy (it contains the softmax) and binary_cross_entropy_with_logits (it contains the sigmoid), and log-probabilities to nll_loss; make sure that the classes are on the axis that the loss takes for them.
    .sound = { $form ->
        [smoothed] the gradient is that of a cross-entropy with smoothed labels
        [log-probabilities] the model gives log-probabilities and the loss takes them as such
        [probabilities] the model gives probabilities and the loss takes their logarithm
        [weighted] the gradient is that of a cross-entropy of logits with a weight for each row
       *[other] the gradient is that of the cross-entropy of logits
    }, over { COUNT($classes) } classes, number by number
    .softmax-twice = softmax is applied twice: the gradient is that of a cross-entropy whose "logits" are probabilities already. Its loss cannot fall below a floor
    .binary = the gradient is that of the binary cross-entropy of { $of ->
        [probabilities] probabilities
       *[logits] logits
    }, number by number
    .sigmoid-twice = a sigmoid is applied twice: the gradient is that of a binary cross-entropy whose "logits" are probabilities already. Its loss cannot fall below a floor
    .log-softmax-missing = nll_loss is given logits: there is no log_softmax between the model and the loss, so the loss can fall without end and nothing is normalised
    .log-missing = nll_loss is given probabilities: their logarithm is missing
    .wrong-axis = the softmax runs over another axis than that of the { COUNT($classes) } classes
    .axis = the softmax runs over axis { $over } of the output, and the { COUNT($classes) } classes are on axis { $axis }

check-shift = Are the targets the next tokens?
    .short = the shift of the targets
    .why = Targets that are not shifted teach copying (the loss falls to 0); targets that are shifted twice teach predicting the token after the next.
    .first = Shift exactly once: either the data set or the loss does it, never both; transformers models shift labels themselves.
    .sound = { PERCENT($share, digits: 1) } % of { COUNT($rows) } targets are the token that follows
    .same = the targets are the tokens at the same position ({ PERCENT($share, digits: 1) } % of them; { PERCENT($expected, digits: 1) } % are the next token): not shifted, the model learns to copy
    .far = the targets are the tokens { $shift } positions later ({ PERCENT($share, digits: 1) } % of them; { PERCENT($expected, digits: 1) } % are the next token): shifted { $shift } times instead of once
    .back = the targets are tokens before the position ({ $shift }; { PERCENT($share, digits: 1) } % of them): shifted the wrong way
    .shown = { PERCENT($share, digits: 1) } % of the targets are the tokens at the same position, which the model can see: of { COUNT($positions) } positions { COUNT($count) }, scattered over the rows, are targets, and their tokens are not hidden in the inputs

check-where = { $where ->
    [given] { "" } (first seen in what { $layer } is given)
    [gives] { "" } (first seen in what { $layer } gives)
    [latest] { "" } (seen in what { $layer } gives, at the latest)
   *[none] { "" }
}
check-causality = Do later tokens leave earlier outputs alone?
    .short = the causal mask
    .why = A model that sees the token it should predict reaches a loss that no honest one can, and writes nonsense when it generates.
    .first = Look for a causal mask that is missing or transposed, a convolution padded on both sides, a norm or mean over positions or chunks of them.
    .sound = changing the tokens from position { $position } on moved no earlier output (later outputs by { G($later, digits: 2) } of their scale)
    .wrong = changing the tokens from position { $position } on moved { COUNT($count) } earlier outputs, by { G($earlier, digits: 2) } of their scale: the model reads what it should predict
    .placed = { check-causality.wrong }{ check-where }

# "sound" is said by files of before 2026-12 alone, which looked at the first row.
check-rows = Are the rows of a batch independent?
    .short = rows that do not see each other
    .why = Whatever a row's output takes from other rows is missing when the model is used, and leaks between examples.
    .first = Look for a norm, mean, softmax, sum or reshape over the axis of the batch, and for a recurrent or attention layer without batch_first=True.
    .sound = changing the other rows of the batch did not move the output of the first of { COUNT($rows) } rows in evaluation mode{ $batch_norms ->
        [0] { "" }
       *[other] { " " }(in training batch norm mixes rows, as it is meant to)
    }
    .every = changing half of the { COUNT($rows) } rows of the batch, in { COUNT($ways) } ways, did not move the outputs of the others in evaluation mode{ $batch_norms ->
        [0] { "" }
       *[other] { " " }(in training batch norm mixes rows, as it is meant to)
    }
    .wrong = changing some of the { COUNT($rows) } rows of the batch moves the output of another by { G($moved, digits: 2) } of its scale, in evaluation mode too
    .placed = { check-rows.wrong }{ check-where }

check-padding = Is padding neither read nor counted?
    .short = padding
    .why = Padding that is read makes an output depend on how long its neighbours are; padding that is counted makes the loss smaller than that of the text alone.
    .first = Pass the attention mask on to every layer, and set labels of padding to -100.
    .sound = changing the tokens at { COUNT($padding) } padded positions moved no output elsewhere, and none is a target
    .read = changing the tokens at { COUNT($padding) } padded positions moves outputs elsewhere by { G($moved, digits: 2) } of their scale: the mask is not used
    .counted = { COUNT($counted) } of the targets are padding: they count in the loss
    .learnt = { COUNT($counted) } of { COUNT($total) } targets ({ PERCENT($share) } %) are token { $token } after token { $token }, which only fills the ends of rows: padding is learnt
    .row = changing the tokens at { COUNT($padding) } padded positions moves { $how ->
        [row-read] outputs, as where a model looks for the padding token, but leaving these positions out moves none
        [row-embedding] outputs, as where a model looks for the padding token, but another embedding of that token moves none
       *[changed] the output of no row
    }
    .row-read = changing the tokens at { COUNT($padding) } padded positions moves the outputs of rows by { G($moved, digits: 2) } of their scale, and leaving these positions out moves them by { G($left, digits: 2) }: padding is read in spite of the mask
    .row-embedding = changing the tokens at { COUNT($padding) } padded positions moves the outputs of rows by { G($moved, digits: 2) } of their scale, and another embedding of the padding token moves them by { G($left, digits: 2) }: padding is read in spite of the mask
    .left = { $how ->
        [changed] changing the tokens at
       *[left] leaving out
    } { COUNT($padding) } padded positions moved no output elsewhere, and none is a target
    .told-read = changing the tokens at { COUNT($padding) } padded positions moves { $what ->
        [rows] the outputs of rows
       *[positions] outputs elsewhere
    } by { G($moved, digits: 2) } of their scale, and leaving these positions out moves them by { G($left, digits: 2) }: padding is read in spite of the lengths that the model is given

check-ends = Are the ends of texts learnt?
    .short = ends of texts
    .why = Where the token that ends a text is also used for padding, leaving padding out of the loss leaves out the ends too, and the model never learns to stop.
    .first = Use another token for padding than for the end, or leave padding out by the attention mask and not by the token.
    .sound = token { $token }, which stands before the padding, is a target in { COUNT($learnt) } of { COUNT($rows) } rows
    .wrong = token { $token } ends { COUNT($rows) } rows (the attention mask counts it as text), is also what fills them up, and is a target in none of them: the model never learns to stop

check-padding-row = Are the padding rows of embeddings zero?
    .short = padding rows of embeddings
    .why = The row of padding gets no gradient: whatever an initialisation or a checkpoint left in it stays, and is added wherever the row is read.
    .first = Set the row to zero after every initialisation of your own (weight[padding_idx] = 0), or mask padding where it is read.
    .sound = the padding rows of { COUNT($count) } embeddings are zero
    .wrong = row { $row } of { $name } is padding and not zero (its norm is { G($size, digits: 2) } times the mean of all rows): with zeros there the loss of the batch is { G($after) } instead of { G($before) }

check-answers = Are the targets kept out of the inputs?
    .short = targets among the inputs
    .why = A model that is given the answer learns to copy it, and is helpless where no answer is given.
    .first = Take the named column out of what the model is given.
    .sound = none of { COUNT($columns) } numbers of a row's inputs is its target, in { COUNT($rows) } rows
    .wrong = column { $column } of { COUNT($columns) } of the input { $name } is the target in all of { COUNT($rows) } rows, and the model reads it
    .text = at all { COUNT($rows) } targets the input { $name } holds the target itself, and the output there moves with it (by { G($moved, digits: 2) } of the outputs' scale): the model is given the answer beside the text whose next tokens it should predict
    .texts = none of { $count ->
        [one] the other text
       *[other] { COUNT($count) } other texts
    } that the model is given holds a target that the output at its position reads

check-broadcast = Is each output compared with its own target?
    .short = shapes of outputs and targets
    .why = Outputs of shape (B, 1) and targets of shape (B) broadcast to a matrix of shape (B, B): every output is pulled towards the mean of all targets, without any error.
    .first = Give both the same shape: output.squeeze(-1), or target[:, None].
    .sound = outputs are { $output } and targets { $target }, and each row is pulled towards its own
    .wrong = outputs are { $output } and targets { $target } ({ $path } of the batch): when all { COUNT($rows) } rows exchange their targets, no gradient changes, so each output is compared with all of them
    .warned = numbers of shape { $output } are compared with targets of shape { $target }, of which torch warns, too: each of { COUNT($rows) } rows is compared with the targets of all

check-vocabulary = Do tokens, embedding and tokenizer fit?
    .short = tokens, embedding and tokenizer
    .why = A token without a row in the embedding stops the training with an error when it first occurs, and a text of unknown tokens teaches nothing.
    .first = Take tokenizer and model from the same source, or call model.resize_token_embeddings(len(tokenizer)).
    .sound = the batch holds { COUNT($distinct) } different tokens up to { $largest }; { $name } has { COUNT($rows) } rows{ $size ->
        [0] { "" }
       *[other] , the tokenizer { COUNT($size) } tokens; { PERCENT($share) } % of the batch are unknown to it, { PERCENT($padding) } % padding
    }
    .beyond = the batch holds token { $largest }, and { $name } has { COUNT($rows) } rows
    .other-tokenizer = the batch holds token { $largest }, and the tokenizer has only { COUNT($size) }: another one made the batch
    .embedding = the tokenizer has { COUNT($size) } tokens, and { $name } { COUNT($rows) } rows: { COUNT($missing) } tokens stop the training with an error when they occur
    .outputs = the tokenizer has { COUNT($size) } tokens, and the model { COUNT($classes) } outputs: { COUNT($missing) } tokens can never be predicted
    .unknown = { PERCENT($share) } % of the tokens of the batch are { $token }, the tokenizer's token for what it does not know

check-ids = Which tokens and classes never occur in the data?
    .short = tokens and classes that never occur
    .why = A row of the embedding, or a class, that never occurs in the data keeps its initial values, and is noise wherever it is read or predicted.
    .first = Expect nothing of these tokens, or use a tokenizer that was made for this text; for a missing class, find out where the data lose it.
    .sound = { $drawn ->
        [yes] an epoch draws { COUNT($rows) } different rows of { COUNT($held) }:{ " " }
       *[no] { "" }
    }of { $whole ->
        [yes] all { COUNT($rows) } rows { $drawn ->
            [yes] that it draws
           *[no] of the data
        }
        [found] { COUNT($rows) } rows the first { COUNT($read) } that were read were enough:
       *[no] { COUNT($read) } rows of { COUNT($rows) }, as many as time allowed,
    } { $what }
    .tokens = { $never ->
        [0] every token of { COUNT($size) } is read by { $name }
       *[other] { COUNT($never) } of { COUNT($size) } tokens ({ PERCENT($share) } %) are never read by { $name }: { $examples }
    }
    .classes = { $never ->
        [0] every class of { COUNT($size) } is a target
       *[other] { COUNT($never) } of { COUNT($size) } classes ({ PERCENT($share) } %) are never a target: { $examples }
    }

check-evaluation-mode = Is dropout off in evaluation?
    .short = dropout in evaluation
    .why = Dropout in evaluation makes every evaluation worse, and different each time.
    .first = Give functional dropout training=self.training, and call model.eval() before an evaluation.
    .sound = in evaluation mode other random numbers gave the same output, to the bit
    .wrong = dropout acts in evaluation mode: other random numbers move the output by { G($moved, digits: 2) } of its scale

check-initial-loss = Does the loss begin at that of guessing?
    .short = the first loss against guessing
    .why = A fresh model that is confident in wrong answers wastes its first steps on unlearning them; one that begins far below guessing has seen the answers.
    .first = Make the last layer's initial weights smaller, or tie them to an embedding of a smaller scale.
    .sound = { G($nats, digits: 3) } nats per target at the beginning; guessing uniformly among { COUNT($classes) } classes costs { G($uniform, digits: 3) }{ $learnt ->
        [yes] . The loss is far lower than that: the weights have been trained before, or the answers can be seen
        [prior] . The loss is that of guessing by the share of each class ({ G($prior, digits: 3) })
       *[no] { "" }
    }
    .wrong = { G($nats, digits: 3) } nats per target at the beginning, where guessing uniformly among { COUNT($classes) } classes costs { G($uniform, digits: 3) }: the fresh model is confident in wrong answers

check-reduction = Is the loss a mean over the targets that count?
    .short = the mean over targets
    .why = If the loss is a sum, its gradient grows with the batch and with the length of its rows; if it is a mean that also counts what is left out, it shrinks with the padding.
    .first = Divide by the number of targets that count (cross_entropy does with reduction="mean" and ignore_index).
    .sound = the weights of { COUNT($count) } targets add up to { FIXED($total, digits: 2) }
    .sum = the weights of { COUNT($count) } targets add up to { G($total) } instead of 1: the loss is a sum, and the size of an update depends on the size of the batch
    .ignored = the weights of { COUNT($count) } targets add up to { FIXED($total, digits: 2) } instead of 1: the mean is taken over { COUNT($positions) } positions, including those that do not count

check-accumulation = Does the loss of a batch equal that of its halves?
    .short = accumulated batches
    .why = Accumulating gradients over several small batches takes for granted that the mean of their losses is the loss of the whole.
    .first = Average over rows, and divide an accumulated loss by the number of small batches.
    .sound = in evaluation mode the mean of the losses of both halves is that of the batch ({ G($whole) })

check-batch-order = Is the loss the same in any order of the rows?
    .short = the order of the rows
    .why = A loss that takes the rows for sorted, or holds outputs against other rows' targets, learns from where a row happens to stand.
    .first = Sort the rows within the loss (Cox's partial likelihood needs it), and look for outputs and targets that do not go through the same selection.
    .sound = in evaluation mode the loss ({ G($whole) }) is the same with the { COUNT($rows) } rows in { COUNT($orders) } other orders

check-autocast = Is mixed precision in effect?
    .short = mixed precision
    .why = An autocast for another device does nothing, and gives no warning.
    .first = Name the device that the model is on: torch.autocast(device_type=...).
    .sound = { COUNT($reduced) } of { COUNT($layers) } layers compute in reduced precision
    .wrong = autocast is on for { $kind }, but the model is on { $device }: none of { COUNT($layers) } layers computes in reduced precision
    .unused = autocast is on for { $kind }, where the model is, and none of { COUNT($layers) } layers or products computes in reduced precision: the model turns it off, or computes in a way that it does not know

check-half-precision = Is the optimizer's epsilon above zero in half precision?
    .short = epsilon in half precision
    .why = An epsilon that rounds to zero in float16 lets Adam divide by zero.
    .first = Keep the weights that are trained in float32 (with autocast for the matrix products), or use an epsilon of 1e-4.
    .sound = it is
    .wrong = the weights are float16 and the optimizer's epsilon of { E($epsilon) } is zero there: an update can divide by zero

check-spectral-norm = Are weights with spectral norm normalised by it?
    .short = layers with spectral norm
    .why = In evaluation mode the norm is no longer measured: a layer that never ran in training mode is divided by a number computed from random vectors.
    .first = Run some batches through the layer in training mode before it is frozen, or load its vectors u and v with its weight.
    .sound = { $still ->
        [0] every pass measures the norm anew ({ COUNT($count) } weights)
       *[other] the largest singular value of { COUNT($still) } weights in evaluation mode is 1
    }
    .wrong = the largest singular value of { $name }, which is in evaluation mode, is { G($size, digits: 3) } or more instead of 1 ({ COUNT($count) } weights like it): its norm was never measured

check-scale = Are the layers' outputs of a sane size?
    .short = the size of layers' outputs
    .why = Outputs that are huge, at the edge of their range or all zero give no useful gradient.
    .first = Normalise the inputs, and use the initialisation that belongs to the activation (PyTorch's default, He, Xavier).
    .sound = { $layers ->
        [one] the largest output of the one layer that was seen
       *[other] the largest of all outputs of { COUNT($layers) } layers
    } is { G($largest, digits: 3) } ({ $name })
    .huge = outputs reach { G($value, digits: 2) } in { names-and-more }
    .saturated = { PERCENT($value) } % of the outputs are at the edge of the range in { names-and-more }
    .dead = { PERCENT($value) } % of the outputs are 0 in { names-and-more }

check-gradient-scale = Do all layers get gradients of comparable size?
    .short = the size of layers' gradients
    .why = Where the gradient vanishes on its way down, the first layers learn nothing.
    .first = Add residual connections and normalisation layers, or use an initialisation that keeps the scale.
    .sound = of weights of one kind the root mean squares lie between { G($least, digits: 2) } ({ $smallest }) and { G($most, digits: 2) } ({ $largest }), farthest apart of all kinds
    .wrong = the gradient of { $smallest } has a root mean square of { G($least, digits: 2) }, that of { $largest } { G($most, digits: 2) }

check-step-order = Does the loop clear, compute, clip and update in this order?
    .short = the order of clearing, clipping and updating
    .why = An update with gradients that were already used, that are gone, or that are not yet clipped is not the intended one, and the loss shows none of it.
    .first = Write optimizer.zero_grad(), loss.backward(), clip_grad_norm_(...), optimizer.step(), scheduler.step(), in this order.
    .sound = in { $calls } calls of the step each of { $updates } updates used gradients that were computed for it alone
    .kept = an update uses gradients that the previous update has already used: nothing clears those of { names-and-more } in between
    .again = an update uses gradients that the previous update has already used: no backward pass comes between the two (gradients of { names-and-more })
    .empty = no parameter has a gradient at any of { $updates } updates: { $late ->
        [yes] the backward pass comes after the update
       *[no] there is no backward pass
    }, and nothing is learnt
    .gone = tensors are given a gradient and have none when the optimizer updates: { names-and-more }
    .late = all gradients are scaled by { G($factor, digits: 2) } after the update that has used them, and before they are cleared: the clip comes too late
    .early = clip_grad_norm_ is only called before the backward pass, while no parameter has a gradient ({ $calls } calls of the step): nothing is ever clipped

check-step-loss = Does the loop minimise the loss of its batch?
    .short = the loss that the loop minimises
    .why = A batch that is split into several passes must give the same gradient as the whole batch: in a mean of means each target of a short pass counts for more than that of a long one.
    .first = Add up the losses of all targets, and divide by the number of targets of the whole batch: weight each pass by its share of them.
    .sound = the first update uses the gradient of the loss of the batch{ $passes ->
        [1] { "" }
       *[other] , made of { COUNT($passes) } passes
    }
    .wrong = the first update uses the mean of the gradients of { COUNT($passes) } passes, each of which counts as much as the others, though they hold { COUNT($least) } to { COUNT($most) } targets: this is not the gradient of the batch's loss (they are { PERCENT($apart) } % apart)

check-loss-scale = Does the loss scale leave the update alone?
    .short = the loss scale
    .why = The scale is only there to keep gradients within the range of half precision, and changes by itself: whatever depends on it makes the training change too.
    .first = Call scaler.unscale_(optimizer) between backward and clip_grad_norm_, and scaler.step(optimizer) instead of optimizer.step().
    .sound = with half the scale the first update uses the same gradient
    .clipped = with half of the loss scale of { G($scale) } the gradient of the first update is { G($ratio, digits: 3) } times as large (norm { G($first, digits: 3) } and { G($second, digits: 3) }): it is clipped while it is still multiplied by the scale
    .kept = with half of the loss scale of { G($scale) } the gradient of the first update is { G($ratio, digits: 3) } times as large (norm { G($first, digits: 3) } and { G($second, digits: 3) }): it is never divided by the scale
    .overflows = with a loss scale of { G($scale) } no update is made in { $calls } calls of the step, and with { G($better) } one is: the gradients are too large for half precision, and every update is skipped until the scale has fallen far enough
    .vanishes = with a loss scale of { G($scale) } the gradients of { $calls } calls of the step are all 0, and with { G($better) } they are not: they are too small for half precision

check-step-weights = Does each pass use the current weights?
    .short = weights that mixed precision keeps
    .why = Autocast keeps a copy of each weight until its block ends: in a block around several updates all passes but the first use old weights.
    .first = Put autocast around the forward pass alone, or call torch.clear_autocast_cache() after each update.
    .sound = after an update inside autocast every linear layer that was compared used its current weight
    .wrong = after an update inside autocast { COUNT($count) } linear layers still use their weights from before it: { names-and-more }

check-step-mode = Does the loop train in training mode?
    .short = the loop's training mode
    .why = What is trained in evaluation mode has no dropout, and statistics that never change.
    .first = Call model.train() after each evaluation in the loop.
    .sound = in { $calls } calls of the step no layer that was in training mode before was trained in evaluation mode
    .wrong = in call { $call } of { $calls } the loop trains through layers in evaluation mode that were in training mode before: { names-and-more }

check-step-frozen = Do values whose gradient the loop sets to zero stay fixed?
    .short = values that the loop freezes
    .why = Weight decay and momentum move a weight without a gradient, too.
    .first = Put the values back after the update, or into a parameter of their own without weight decay.
    .sound = the loop sets a part of gradients to zero (tensors: { COUNT($count) }), and these values stay as they were
    .wrong = the loop sets { COUNT($cleared) } values of the gradient of { $name } to zero before each of { $calls } updates, and { COUNT($moved) } of these weights move all the same

check-schedule = Does the learning rate's schedule fit the run?
    .short = the learning-rate schedule
    .why = A schedule that is stepped too often ends early; one that is too long never leaves its warm-up.
    .first = Give the schedule the number of its own steps (updates, or epochs where it is stepped once per epoch).
    .sound = { $planned ->
        [0] the schedule is stepped once per update
       *[other] over { COUNT($planned) } steps of the schedule the learning rate begins at { G($first, digits: 3) }, reaches { G($peak, digits: 3) } and ends at { G($last, digits: 3) }
    }
    .other-optimizer = the schedule belongs to another optimizer, and does not change the learning rate of this one
    .often = the schedule is stepped { G($turns) } times per update, in each of { $calls } calls of the step
    .barely = the schedule is stepped once per epoch, and takes { COUNT($planned) } of its { COUNT($span) } steps in the whole training, so that the learning rate stays at its beginning ({ G($first) } to { G($last) }). It has about as many steps as the training has updates ({ COUNT($updates) }): step it at each of them (in Lightning "interval": "step"), or give it the number of epochs
    .over = the schedule is stepped at each update, and over after { COUNT($span) } of { COUNT($planned) } of them, at { G($to, digits: 2) }: it has about as many steps as the training has epochs ({ COUNT($epochs) }). Step it once per epoch, or give it the number of updates
    .raises = the schedule ends after { COUNT($at) } of { COUNT($planned) } steps, with an error
    .idle = from step { COUNT($at) } of { COUNT($planned) } on the learning rate is almost zero ({ G($last, digits: 2) } at the end) compared with { G($peak, digits: 2) }
    .rising = the learning rate rises over all { COUNT($planned) } steps, from { G($first, digits: 2) } to { G($last, digits: 2) }: the warm-up is longer than the run
    .jumps = at step { COUNT($at) } of { COUNT($planned) } the learning rate jumps to { G($to, digits: 2) }, { G($times, digits: 3) } times the highest before
    .turns = the learning rate falls until step { COUNT($at) } of { COUNT($planned) } and then rises again, to { G($last, digits: 2) }: the run is longer than the schedule's T_max

check-gradients = Does every trainable parameter get a gradient?
    .short = a gradient for each parameter
    .why = A parameter without a gradient is not trained: a forgotten branch, a detach, a layer that died.
    .first = Follow the named layer's output to the loss: is it used, and is there a detach, .data or no_grad on the way?
    .sound = every trainable tensor ({ COUNT($count) }) got one within { $updates } updates
    .absent = { COUNT($count) } trainable tensors ({ PERCENT($share) } % of all trainable weights) get no gradient: { names-and-more }. The loss does not depend on them
    .zero = { COUNT($count) } trainable tensors ({ PERCENT($share) } % of all trainable weights) get a gradient of exactly 0 in every update: { names-and-more }

check-moves = Does every parameter move?
    .short = parameters that move
    .why = An update that is smaller than the rounding of a weight is lost, and training looks slow where it stands still.
    .first = Train weights in float32, or raise the learning rate.
    .sound = every tensor that has a gradient and is in the optimizer ({ COUNT($count) }) moved within { $updates } updates
    .wrong = { COUNT($count) } tensors have a gradient and did not change in { $updates } updates: { names-and-more } ({ $dtype }, learning rate { G($rate, digits: 2) }): the update is lost in rounding
    .partly = { PERCENT($share) } % of the numbers with a gradient did not change in { $updates } updates in { names-and-more } ({ $dtype }, learning rate { G($rate, digits: 2) }): most of the update is lost in rounding

check-stays = Do frozen parameters stay fixed?
    .short = frozen parameters that stay
    .why = A frozen part that moves is no longer what was trained before, and nothing in the loss shows it.
    .first = Leave frozen weights out of the optimizer (weight decay moves them too), and put frozen batch norms into evaluation mode.
    .sound = every frozen tensor ({ COUNT($count) }) stayed as it was
    .weights = { COUNT($count) } frozen tensors moved: { names-and-more }
    .statistics = the weights of frozen batch norms stay, but { COUNT($count) } of their running statistics move: { names-and-more }
    .step = the step multiplies { COUNT($count) } frozen tensors by { G($factor, digits: 7) } in each call, as it does weights that are trained: { names-and-more }

# "sound" is said by files of before 2026-12 alone, which did not say how far; and so is "prior", which is a reason now.
check-learns = Can one batch be learnt?
    .short = whether one batch can be learnt
    .why = A model that cannot memorise one batch cannot learn a data set.
    .first = Look at what else is wrong here; then at the targets, the loss, the learning rate and the weight decay, on one batch.
    .sound = on this batch alone the loss falls from { G($first) } to { G($last) } in { $updates } updates{ $factor ->
        [1] { "" }
       *[other] , at { $factor } times its learning rate (at its own too slowly to tell)
    }
    .wrong = on this batch alone the loss goes from { G($first) } to { G($last) } in { $updates } updates, and no lower with up to 1,000 times the learning rate: nothing is learnt
    .shuffled = with other random numbers the loss pulls { PERCENT($share) } % of { COUNT($rows) } outputs towards another target, though the model is given the same and each class occurs as often: the targets are shuffled and do not belong to the inputs
    .fell = on this batch alone the loss falls by { PERCENT($share) } %, from { G($first) } to { G($last) } in { $updates } updates{ $factor ->
        [1] { "" }
       *[other] , at { $factor } times its learning rate (at its own too slowly to tell)
    }{ $reached ->
        [heart] : it is learnt by heart
        [prior] . Guessing by the share of each class costs no more ({ G($prior) }); whether anything of the inputs can be learnt was not tried any longer
        [floor] . That is what guessing by the share of each class costs ({ G($prior) }), and no model can do better here: the inputs of all rows are the same
       *[part] ; whether it can be learnt by heart was not tried any longer
    }
    .below = on this batch alone the loss falls from { G($first) } to { G($last) } in { $updates } updates{ $factor ->
        [1] { "" }
       *[other] , at { $factor } times its learning rate (at its own too slowly to tell)
    }; it goes below zero, so that how much of the batch is learnt is not known
    .decayed = on this batch alone, with weight_decay={ G($decay) }, the loss goes from { G($first) } to { G($last) } in { COUNT($updates) } updates, and the outputs of its rows come closer together; without weight decay it falls to { G($without) } in no more updates: the decay undoes what is learnt. Give a smaller one
    .alike = the units of { $count ->
        [one] a layer
       *[other] { COUNT($count) } layers
    } begin alike and are still alike after { $updates } updates: { names-and-more }. Such a layer does no more than one unit would

# Why something could not be checked.
check-reason =
    .no-time = no time was left for it
    .error = what was tried for it ended in an error: "{ $error }"
    .no-loss = the loss cannot be computed
    .meta = the model is on the device "meta", which holds no numbers: put it on another one to check
    .sharded = the model, or one that the loss calls, is sharded over processes (FSDP, DTensor), which all have to make the same passes: check it before it is wrapped
    .lazy = the model has layers that are given their size by the first batch (lazy ones): pass one through it before the check, and before the optimizer is made
    .no-scalar = loss(model, batch) gave { $got } where one number is needed
    .no-output = no tensor of numbers was found in what the model returns
    .scripted = the model is scripted or traced (torch.jit), which takes no hooks: what it is given and returns is not seen. Check the module that it was made of
    .calls = { $calls ->
        [0] the loss does not call the model, or a part of it, as a module
       *[other] the loss calls the model { $calls } times: which of these calls to check is not known
    }
    .no-gradient = the loss has no gradient at the model's output
    .loss-met = the loss of this batch is exactly 0 and pulls at nothing, as where every margin is met already; with the rows of the batch exchanged it does: give a batch whose loss is above 0
    .cancelled = the gradient of { names-and-more } is exactly 0, and that of the weight beside it is not: the loss stays the same where a constant is added to what the layer gives, as a difference of outputs does, so that nothing is lost
    .single-number = the model gives one number per row, and none for each of several classes
    .unreached = { COUNT($count) } trainable tensors ({ PERCENT($share) } % of all trainable weights) get no gradient from this batch, and parts of the same kind beside them do: { names-and-more }. Right if they wait for other inputs, as experts and heads do, or are dropped at random; wrong if nothing ever uses them
    .no-cross-entropy = the loss is no plain cross-entropy of the model's output
    .no-tokens = the model is given no tokens in the shape of its outputs
    .not-next-token = the targets are not shifted tokens ({ PERCENT($share) } % agree at best), as in a classifier or a masked language model
    .not-next-token-model = the model does not predict the next token, so it may read all of them
    .repetitive = the text of this batch repeats itself: it agrees with itself under several shifts
    .read-whole = { PERCENT($share, digits: 1) } % of the targets are { $shift ->
        [0] the tokens at the same position
       *[other] tokens of the same row, a fixed number of positions away ({ $shift })
    }, and the model reads that row as a whole: right if it copies, corrects or encodes a text; wrong if it should predict the next token, or tokens that are hidden
    .padding-targets = padding is not read, but { COUNT($counted) } targets stand at padded positions: right if they belong to another text, as in an encoder with a decoder; if each belongs to the token at its position, padding counts in the loss
    .trained = the model has been trained before (the optimizer holds moments): this is checked only before training
    .weighted = the targets are weighted (their weights add up to { G($total) }), or the loss holds more than a mean
    .factor = the loss is { G($total) } times the mean over its targets, in half of the batch too: right if it is meant, as for a sum over the positions of a row
    .tokens-unused = the outputs do not depend on the tokens at all
    .no-rows = there are no two rows to compare: a batch of one, a graph, or inputs of different numbers of rows
    .in-batch = every row is compared with every other, as in contrastive learning
    .rows-compared = other rows move the output of a row by { G($moved, digits: 2) } of its scale, and the loss compares the outputs of rows: they may belong together, as the items of one list that is ranked
    .along-first = { $how ->
        [order] the first axis ({ COUNT($rows) }) may be that of the positions: what stands on it moves outputs behind it, and none before
       *[layer] { $how ->
            [model] the model
           *[layer] { $layer }
        } reads along the first axis ({ COUNT($rows) }): right if the positions are on it ([T, B]), and wrong if the rows are ([B, T]), which then see each other (they move others' outputs by { G($moved, digits: 2) } of their scale)
    }
    .rounded = { $what ->
        [rows] changing some rows moves the output of others by { G($moved, digits: 2) } of its scale
        [padding] changing padded tokens moves outputs elsewhere by { G($moved, digits: 2) } of their scale
       *[later] changing later tokens moves earlier outputs by { G($moved, digits: 2) } of their scale
    }, { $how ->
        [off] but by only { G($unrounded, digits: 2) } if the model rounds nothing: it is quantised by the range of a whole tensor, which all rows and positions share
        [layers] but the model has quantised layers, which may round a batch by the range of all its rows and positions
       *[unknown] but the model is quantised, perhaps by a range that all rows and positions share, and it does not run without rounding
    }
    .quantised-untrained = no weight gets a gradient: the model has quantised layers, which no gradient passes
    .linked = changing some rows moves the output of others by { G($moved, digits: 2) } of its scale, and the model is given or holds what links its { COUNT($rows) } rows, as nodes of a graph are linked{ $how ->
        [along] : where no link leads from one half to the other, neither moves the other, so that rows are read along these links alone
        [beyond] . Where no link leads from one half to the other, one still moves the other (by { G($unlinked, digits: 2) }): right for a norm, a mean or an attention over the whole graph; wrong if it comes from a softmax or a reshape over the wrong axis
       *[unknown] : right if rows are read along these links alone
    }
    .not-repeatable = the same call gives other numbers each time, so that nothing can be compared
    .carries = the loss keeps something besides model and batch: from the same state it gives the same bits, but its next call goes from { EXACT($first) } to { EXACT($second) }. A training that is resumed or replayed needs that state, too
    .other-shape = the output has another shape for other inputs
    .no-padding = the batch has no attention mask that leaves something out, and no token that only fills the ends of rows
    .padding-fixed = changing the tokens at { COUNT($padding) } padded positions moves outputs elsewhere by { G($moved, digits: 2) } of their scale; the model does not run without these positions, so that more is not known: right if it looks for the padding token itself, wrong if it reads what stands there
    .mask-not-given = the batch has a mask that leaves out { COUNT($padding) } positions, the model is not given it, and its outputs move by { G($left, digits: 2) } of their scale if these positions are left out: right if all rows always have the same length, wrong if that hangs on their neighbours
    .padding-untold = { $by ->
        [padding_idx] padding_idx of the embedding shows
        [targets] targets that do not count show
        [lengths] the lengths in the batch, which the model is not given, show
       *[ends] a token at the ends of rows alone shows
    } { COUNT($padding) } padded positions, and outputs elsewhere move by { G($left, digits: 2) } of their scale if these are left out: right if all rows always have the same length, wrong if that hangs on their neighbours
    .samples = the model draws random numbers in evaluation too, as a model that samples is meant to; none of them come from dropout
    .no-modes = the model has no layer that behaves differently in training
    .all-in-evaluation = the whole model is in evaluation mode: pass it as it is in training (model.train())
    .slow = on this batch alone the loss falls only from { G($first) } to { G($last) } in { $updates } updates, at { $factor } times the learning rate: too slowly to tell
    .prior = on this batch alone the loss falls from { G($first) } to { G($last) } in { $updates } updates{ $factor ->
        [1] { "" }
       *[other] , at { $factor } times its learning rate
    }, which is no lower than guessing by the share of each class costs ({ G($prior) }), without looking at the inputs: right if more updates are needed, wrong if the outputs do not depend on the inputs. Give a batch of fewer rows, in which classes occur about equally often
    .one-class = all targets of this batch are of one class, which a model learns without looking at its inputs: give a batch with several classes
    .targets-drawn = the loss draws its targets: with other random numbers { PERCENT($share) } % of them are others for the same inputs, as when a policy draws its actions
    .drawn = the loss draws random numbers after the model has answered: with the same ones each time it falls, and with others by less than half as much (from { G($first) } to { G($last) })
    .sure = the model is so confident in its answers that the weights of the targets cannot be read off
    .rate-zero = the learning rate is 0 here, as in the first step of a warm-up
    .some-rest = { COUNT($count) } tensors have a gradient and a learning rate of 0 here, as in the first step of a warm-up: { names-and-more }. The other { COUNT($moved) } moved
    .other-optimizer = { COUNT($count) } trainable tensors ({ PERCENT($share) } % of all trainable weights) are not in this optimizer, and are in another one: { names-and-more }. Right if the loop updates both (give step= to have that checked)
    .nothing-frozen = nothing is frozen
    .step-writes = the step changes { COUNT($count) } frozen tensors: { names-and-more }. Right if it computes them itself, as an average of other weights, a codebook or what is annealed; wrong if they should stay as they are
    .follows = { COUNT($count) } running statistics of frozen batch norms move: { names-and-more }. Right if their part follows the trained one of the same form that stands beside it, as a teacher does; wrong if it should stay as it is
    .rows-together = the loss of a batch is neither the mean nor the sum of its halves: it compares rows, or weights them by what they hold
    .order-counts = with its { COUNT($rows) } rows in another order the loss of the batch is { G($other) } in place of { G($whole) }, in evaluation mode: right if rows are the steps of one series, belong together as pairs, or come sorted as the loss needs them; wrong if each row counts for itself
    .half-fails = the loss of half of the rows cannot be computed, as where the rest of the batch belongs to all of them: "{ $error }"
    .sum = the losses of both halves add up to that of the batch ({ G($whole) }): it is a sum over rows. If that is not intended, the size of an update depends on the batch
    .weighs-rows = the loss of a batch is not the mean of its halves (see whether it is a mean over the targets that count)
    .uneven = the halves hold { COUNT($first) } and { COUNT($second) } targets, so that the mean of their losses ({ G($mean) }) is not that of the batch ({ G($whole) }): if you accumulate gradients, weight each small batch by its number of targets
    .no-padding-row = no embedding has a row for padding (padding_idx)
    .padding-row-unread = the row of padding is not zero, but this batch's loss does not depend on it: it holds no padding, or masks it
    .no-single-numbers = the model gives more than one number per row
    .no-targets-known = it is not clear which tensor of the batch holds the targets, or they are all the same
    .rows-unpaired = outputs and targets are compared as two sets, each as a whole, or all outputs are alike
    .targets-unused = other targets in the batch do not change the loss
    .no-single-targets = a row has more than one target, or its target is its position in the batch
    .answers-whole = the input { $name } holds the target of every position, and the model reads it as a whole: right if it copies a source; wrong if it should predict what it does not see
    .answers-own = the input { $name } is the target, and moves the output of that class and of no other: right if it is held back by a margin, as in ArcFace; wrong if the model should not see it
    .too-few-targets = { COUNT($rows) } rows are too few: their targets could stand among the inputs by chance
    .no-end = the rows are padded with token { $token } after different tokens: texts have no token that ends them, or { $token } itself ends them and is left out along with the padding
    .end-unlearnt = token { $token } stands before the padding of all rows and is never a target: right if it belongs to a template, wrong if it is what ends a text
    .no-embedding = no embedding reads whole numbers of the model's inputs
    .tokenizer-unknown = how many tokens a { $kind } has is not known
    .no-loader = no data loader was given (loader=)
    .no-ids = no tokens or classes were found among what the loader gives
    .other-loader = the loader is of type { $kind }, which is no DataLoader of torch
    .stream = the rows have no indices: the data set is a stream
    .short-stream = the stream ends after a few batches, or repeats itself
    .no-indices = the sampler gives no row indices
    .long-epoch = the sampler gives more than { COUNT($count) } rows: too many to compare
    .no-workers = the loader has too few workers to compare
    .no-tensors = the loader gives no tensors
    .same-rows = of { COUNT($compared) } rows that were compared, each with a number of its own, { COUNT($alike) } ({ PERCENT($share, digits: 1) } %) hold the same bits as another ({ COUNT($distinct) } are different). Right if rows are repeated on purpose, or have only a few possible values; wrong if the data set gives one row under several numbers and leaves out others
    .repeats = { COUNT($repeated) } of { COUNT($rows) } rows of an epoch have come before in it ({ COUNT($distinct) } different ones): right if they are drawn with replacement
    .set-epoch = the order changes only if the loop calls set_epoch(epoch) before each epoch: two epochs without it are the same
    .own-order = the sampler has an order of its own, and it is the same in two epochs
    .no-shards = no sampler of the loader divides rows among ranks
    .rank-fixed = the sampler gives the same rows whatever its rank attribute says: it may have read the rank when it was created
    .no-step = no step of the loop was given (step=)
    .no-update = { $calls } calls of the step made no update of this optimizer
    .closure = the optimizer computes the loss within its update (a closure)
    .nothing-cleared = the loop does not set the same part of a gradient to zero each time
    .no-schedule = no schedule was given (scheduler=), and none was found in the step
    .no-steps = how many updates the training will make is not known (steps=)
    .measured-schedule = the schedule depends on what is measured in training
    .long-schedule = { COUNT($count) } steps of the schedule take too long to try
    .schedule-jumps = if the schedule is stepped at each of { COUNT($planned) } updates, its learning rate jumps at step { COUNT($at) } to { G($to, digits: 2) }, { G($times, digits: 3) } times the highest before (give step= to have that checked)
    .schedule-short = the schedule is stepped once per epoch, and takes { COUNT($planned) } of its { COUNT($span) } steps in the whole training (from { G($first) } to { G($last) }): right if this training is the first part of a longer one, wrong if its steps should be updates
    .epoch-unknown = the schedule is stepped once per epoch, and how many updates an epoch has is not known: call newllm.check in on_fit_start of the module, which has its trainer by then, with a train_dataloader() or loader=, without limits to the batches and in one process
    .schedule-per-epoch = if the schedule is stepped at each of { COUNT($planned) } updates, it does not fit them (from { G($first, digits: 2) } to { G($last, digits: 2) }): right if it is stepped once per epoch (give step= to have that checked)
    .no-evaluate = no evaluation was given (evaluate=)
    .evaluation-none = the evaluation gives a { $kind } where a single number is needed
    .evaluation-acts = the evaluation puts layers into training mode: { names-and-more }. Right if that is meant, as to draw several answers by dropout; wrong if a call of train() is left over
    .evaluation-scale = in a first batch of its own data the evaluation gives the model numbers of a mean of { G($mean_there, digits: 2) } and a spread of { G($spread_there, digits: 2) }, and training of { G($mean, digits: 2) } and { G($spread, digits: 2) }: right if the data differ so much, wrong if one of the two lacks a normalisation
    .evaluation-other = the evaluation gives { G($value) } for the batch, whose loss in evaluation mode is { G($expected) }: right if it measures something else
    .no-autocast = no automatic mixed precision is on
    .no-products = automatic mixed precision is on for { $kind }, and the model computes no product there that is known
    .autocast-off = automatic mixed precision is asked for, and torch turns it off here ("{ $why }"): check where the training will run
    .no-half = no weight is in half precision
    .no-layers = there are not enough layers of a kind that is known
    .train-changes = model.train() would still change { COUNT($count) } of the parameters and layers ({ names-and-more }), as when a model freezes a part of itself in it: call it before the check, and before the first step
    .norms-kept = { COUNT($count) } of { COUNT($of) } layers that behave differently in training are batch norms in evaluation mode whose scale and shift are trained: { names-and-more }. Right if their statistics should stay, as where rows are few
    .no-tie = no configuration says that embedding and head are one weight, or an adapter has taken the place of one
    .no-settings = the optimizer is no Adam, and no batch norm keeps running statistics
    .no-spectral-norm = no layer has a spectral norm
    .no-scaler = no active loss scaler was found in the step, or several
    .scale-other = with another loss scale the gradient of the first update differs in another way, as when the step draws random numbers or batches of its own
    .scale-far = with half of the loss scale of { G($scale) } the first update uses the same gradient; whether gradients in half precision (up to 65,504, down to 6e-8) bear a scale so far from those in use is not seen here
    .scale-skips = no update was made in { $calls } calls at this loss scale
    .no-autocast-around = no update was made inside automatic mixed precision
    .modes-differ = in evaluation mode the output differs from that in training mode by { G($moved, digits: 2) } of its scale, though the model has neither dropout nor batch norms: right if it is meant to behave differently there
    .schedule-first = the schedule is stepped before the update, so that its first learning rate ({ G($first, digits: 2) }) is never used: right if it is 0, as at the start of a warm-up, and meant to be skipped
    .step-other = the first update uses another gradient than that of the loss of this batch: right if the step draws random numbers or a batch of its own, or adds a term
    .step-sum = the first update uses { $passes } times the gradient of the loss: the gradients of { $passes } passes are added, not averaged. If that is not intended, the size of an update depends on their number

# The terminal, the page of a run and its report.
check_wrong = wrong
check_first = What to do first
check_trained = The check before training had found { $count ->
    [one] something
   *[other] { COUNT($count) } things
} wrong: { $named }{ $more ->
    [0] { "" }
   *[other] { " " }and { COUNT($more) } more
}.
check_parameters = { COUNT($count) } parameters
check_other_model = The model that was checked has { COUNT($checked) } parameters, and the one that was trained has { COUNT($trained) }.
check_next = Not trained yet. { $wrong ->
    [0] Record the training into the same directory:
   *[other] Correct what is wrong and check again; then record the training into the same directory:
}
terminal-check = { $wrong ->
    [0] Nothing is wrong
   *[other] { COUNT($wrong) } wrong
}, { COUNT($sound) } sound, { COUNT($unchecked) } could not be checked ({ FIXED($seconds, digits: 1) } s)
terminal-check-why = why it matters
terminal-check-first = what to do first
terminal-check-give = give { $argument } to check:{ " " }
terminal-check-not_here = { $why }:{ " " }
terminal-check-title = Check before training
