# What readers say of a log: how they understood it, what they did not take in.

remark-times = { $count } times: { $remark }

remark-many-signals = signals beyond the first { $count }

remark-many-values = what comes after the first { $count } values

remark-own-signals = { $count } signals of the log's own, because there are more than { $most } values

remark-repeated-steps = values of a step that occurs more than once (the last value is used)

remark-gone-over-again = the log goes back at { $axis } { $first } and over { $first } to { $last } again: the training was resumed there

remark-loss-of-perplexity = { $loss } is the logarithm of { $perplexity }, for there is no loss

remark-blank-cells = { $count } cells of '{ $column }' that say nan between numbers, taken as empty

remark-other-runs = { $count ->
    [1] another run
   *[other] { $count } other runs
}, for '{ $chosen }' has the most values; name one as PATH#RUN: { $names }

remark-error-as-loss = no column is called a loss: '{ $column }' is taken for { $loss } (--loss COLUMN names another)
remark-error-as-validation = no column is called a validation loss: '{ $column }', which begins as large as the training loss, is taken for { $loss }
remark-score = '{ $column }' lies between 0 and 1 and rises while the loss falls: it may be a share of right answers, and is not taken for a loss (--role validation_loss={ $column } or --role validation_accuracy={ $column } says what it is)
remark-no-steps = no column of steps or epochs: rows are counted instead
remark-no-steps_named = no column is called steps or epochs, so rows are counted; '{ $column }' counts up as steps do (--step { $column } takes it)
remark-steps-of-bars = no column of steps: they are read from a progress bar, which is not drawn at each step, and may be wrong by up to about { $off }

remark-epochs-place-nothing = { $why ->
    [several] several rows of one epoch
   *[fractions] epochs that are no whole numbers
} and no steps: rows are counted instead

remark-steps-begin-anew = steps begin again in every epoch: they are counted through

remark-no-header = no header: the columns are taken for { $columns }

remark-row-unlike-header = a row with more or fewer cells than the header

remark-row-without-number = a row without a number

remark-line-above-table = a line above the table

remark-many-columns = columns beyond the first { $count }

remark-many-lines = what comes after the first { $count } lines

remark-long-line = a line longer than { $count } characters

remark-damaged-packing = what comes after the place where the compressed file is damaged

remark-long-text = what comes after the first { $megabytes } MB of text

remark-no-json-line = a line that is no JSON

remark-nested-too-deep = what comes after rows that are nested too deep

remark-json-breaks-off = what comes after the place where the JSON breaks off

remark-no-json-object = a row that is no JSON object

remark-event-file-breaks-off = what comes after the place where an event file breaks off

remark-large-event = a record of more than { $megabytes } MB (a picture, a graph)

remark-damaged-event = a damaged record

remark-long-event-file = what comes after the first { $gigabytes } GB of an event file

remark-no-event = a record that is no event

remark-large-step = a record with a step past 2^53

remark-no-number = a value that is no number

remark-no-mlflow-metric = a line that is no metric of MLflow

remark-no-trackio-row = a row that is none of trackio's

remark-no-wandb-record = a record that is none of W&B's

remark-damaged-piece = a damaged piece of a record

remark-large-record = a record of more than { $megabytes } MB

remark-long-file = what comes after the first { $megabytes } MB

remark-no-trace-row = trace.jsonl holds a line that is no row of a trace: passed over

remark-unread-file = '{ $file }' cannot be read ({ $reason }): passed over

remark-ranks-sharded = { COUNT($count) } parameters are sharded or split, so that each rank holds another part of them: between ranks they are not compared

remark-logs-of-ranks = the logs of { COUNT($count) } ranks are read as one training: { $mean ->
    [yes] the loss is the mean of all ranks, all else
   *[no] everything
} is what rank { $first } logged

remark-ranks-missing = only { COUNT($count) } of { COUNT($ranks) } ranks recorded their weights here: the others are not compared (call newllm.record on each rank, with the same directory)

remark-ranks-of-other-models = the ranks hold parameters of different names: between ranks they are not compared

remark-ranks-own = { COUNT($count) } parameters, or others of their layers, differ between the ranks from the start: each rank holds a part or one of its own, or nothing made them equal; between ranks they are not compared

remark-hidden-layers = no layer could be observed, as inside a compiled model, or where a loop calls model.forward(x) in place of model(x): activations, attention, gates and contexts are left out

remark-model-not-called = the model itself was not called, only parts of it, as where a loop calls model.loss(x) in place of model(x): what it was given, what it returned and what the loss asks for are left out

remark-recorder-part = recording of { $part } stopped, the training goes on: { $error }

remark-recorder-argument = recorder.{ $call }() was given what it cannot record, first at step { $step }, the training goes on: { $error }

remark-recorder-gap = steps { $first } to { $last } were taken before this training was resumed and are not recorded

remark-judged-evaluation = of several evaluations ({ $names }), { $name } is used for the diagnosis

remark-no-validation-loss = none of the values that validation logs ({ $names }) is known to be its loss: name it val_loss, or monitor it

remark-fewer-batches = the last update of an epoch is made of { $fewer } batches instead of { $batches }, and Lightning divides their sum by { $batches } all the same: its gradient is smaller

remark-recorder-room = what is recorded waits to be written, the training goes on: { $error }

remark-check-begun = a training has begun in '{ $out }': this check was not made before it, and is not kept there

remark-steps = { $last ->
    [none] step { COUNT($first) }
   *[other] steps { COUNT($first) } to { COUNT($last) }
}

remark-listed = { $before }, { $following }

remark-lost-steps = the trace holds nothing of { $steps }{ $more ->
    [0] { "" }
    [1] { " " }and 1 more range
   *[other] { " " }and { $more } more ranges
}: what was recorded there is lost

remark-lost-samples = samples.jsonl is damaged in line { $lines }: what the model wrote there is lost

# What could not be read of a run's files.

problem-unread = '{ $file }' cannot be read ({ $reason })

problem-link = '{ $file }' is a link: what it leads to is not shown

problem-no-file = '{ $file }' is no file

problem-large-file = '{ $file }' is larger than { $mebibytes } MiB: not shown

problem-no-text = '{ $file }' is damaged: it holds bytes that are no text

problem-damaged = '{ $file }' is damaged ({ $reason })

problem-newer-schema = '{ $file }' was written by a newer newllm (schema { $schema }, known here: { $known }): shown as far as it is understood

problem-damaged-blocks = '{ $file }' is damaged, what follows is not shown: { $reason }

problem-damaged-lines = '{ $file }' is damaged: { $count ->
    [1] 1 line is
   *[other] { COUNT($count) } lines are
} no row of a trace, and left out

problem-many-replays = of { $count } replayed spikes the { $shown } newest are shown

problem-no-verdict = '{ $file }' is no verdict that this newllm understands ({ $reason })

problem-damaged-replay = '{ $file }' is damaged: that replay is left out

problem-trace-ends = the trace ends at step { COUNT($last) }, but the run reached { COUNT($step) }: what lies between is lost

problem-unjudged-data = what is known of the data could not be judged ({ $error }): only the signals were

problem-trace-link = the trace is a link that leads outside, and is not followed

problem-trace-pipe = trace.jsonl is a pipe, not a file

problem-trace-unread = trace.jsonl cannot be read ({ $reason })

# Why nothing could be judged, and what could not be looked at.

unjudged-no-loss = no loss{ $among ->
    [none] { "" }
   *[other] { " " }among { $among }
} (--loss COLUMN says which it is)

unjudged-few-points = only { $count ->
    [1] 1 point
   *[other] { $count } points
} of '{ $signal }' (give a log with { $least } or more)

unseen = Not in this log, so not looked at: { $parts }.

unseen-also = { $before }; { $following }

unseen-training-loss = the training loss (--loss COLUMN says which it is)

unseen-unrecorded = { $what } (newllm.record records them)

unseen-validation-uncalled = evaluations (recorder.validation(loss) records them)

unseen-few = the course of the validation loss ({ $count ->
    [1] one evaluation is
   *[other] { $count } evaluations are
} too few)

unseen-data-uncalled = the data (recorder.data(training, validation) audits them)

unseen-check = what no log shows, such as { $masked ->
    [yes] rows that see each other
   *[no] a mask that leaks
} (newllm.check looks for it before the first step)

unseen-validation = validation

unseen-gradients = gradients

unseen-layers = layers

unseen-data = the data

unseen-columns = columns of unknown meaning: { $columns }{ $more ->
    [0] { "" }
   *[other] { " " }and { $more } more
} ({ $signal ->
    [none] --role ROLE=COLUMN says what one is
   *[other] --role { $signal }=COLUMN says so if { $column } is the { SIGNAL($signal) }
})

unseen-vocabulary = the size of the vocabulary (--vocab N)

# What is wrong with a run's directory or a study's, as a list of them says it.

entry-unread = it cannot be read ({ $reason })

entry-link = { $files }: a link that leads outside, not followed

entry-missing = { $file } is missing

entry-process_gone = its status is running, but its process { $pid } is gone

entry-silent = its status is running, but it has given no sign of life for five minutes

entry-norm = norm on { $norm }

entry-seed = seed { $seed }

problem-results-link = results.json is a link

problem-results-unread = results.json cannot be read ({ $reason })

problem-study-no_list = '{ $file }' has no list of { $name }

problem-study-damaged_items = { $damaged } of { $count } { $name } in '{ $file }' are damaged: they are left out

problem-study-damaged_file = '{ $file }' is damaged ({ $reason }): it is left out

remark-training-kind = taken for { $training ->
    [reinforcement] the training of a policy (reinforcement learning), whose loss measures no progress
    [adversarial] an adversarial training (a GAN), whose losses measure no progress
    [preference] a training on preferences
    [vae] the training of a variational autoencoder
    [contrastive] a contrastive training
   *[other] a regression or a likelihood of densities, whose loss falls below zero
}, judging by { $columns }; --kind corrects it
remark-against = held against { $other } over { $axis }s { $first } to { $last }: { $count ->
    [one] one setting or signal
   *[other] { COUNT($count) } settings and signals
}
remark-chosen = held against { $other } (an earlier run of the same program { $usual ->
    [yes] with no alarm of its own but what most of them have
   *[no] without an alarm of its own
}) over { $axis }s { $first } to { $last }: { $count ->
    [one] one setting or signal
   *[other] { COUNT($count) } settings and signals
}; { $before ->
    [0] { "" }
    [one] it is an alarm only where it comes to less than { $earlier } too;{ " " }
   *[other] it is an alarm only where it comes to less than one of { $earlier } too;{ " " }
}--alone leaves this out, --against names another
remark-doubtful = held against { $other }, the newest run of the same program beside it, which has an alarm too, as all before it, over { $axis }s { $first } to { $last } ({ $count ->
    [one] one setting or signal
   *[other] { COUNT($count) } settings and signals
}): what is found here stands; --against names a run that was fine
remark-same-program = the program, its settings and its command line are those of { $other }: what differs came from elsewhere (a seed, data, another version, the machine)
remark-reference-lost = { $other } is no sound run: its model is lost
