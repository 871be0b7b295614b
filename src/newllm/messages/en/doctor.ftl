# What the doctor says of a whole log in a line, on the terminal and on its page.

## the verdict
doctor-nothing_wrong = Nothing wrong found in { $points ->
    [one] { COUNT($points) } point
   *[other] { COUNT($points) } points
} of { $signals ->
    [one] { COUNT($signals) } signal
   *[other] { COUNT($signals) } signals
}{ $less_than ->
    [none] {""}
   *[other] , but it comes to less than { $less_than }, which was asked for with other options
}{ $notes ->
    [none] {""}
   *[other] ; { $notes }
}.
doctor-unjudged_because = Nothing could be judged: { $why }{ $notes ->
    [none] {""}
   *[other] ; { $notes }
}.
doctor-lost = The model is lost: { $how }. Found: { $tally }.
ending-not-finite = its loss is not finite from { $axis } { $step } to the end
ending-above-start = its loss ends at { G($loss) }, far above the { G($start) } that it began with
ending-back-at-start = its loss ends at { G($loss) }, no better than the { G($start) } that it began with
tally-fault = { $count ->
    [one] { COUNT($count) } fault
   *[other] { COUNT($count) } faults
}
tally-warning = { $count ->
    [one] { COUNT($count) } warning
   *[other] { COUNT($count) } warnings
}
tally-note = { $count ->
    [one] { COUNT($count) } note
   *[other] { COUNT($count) } notes
}

## what was read
contents = { $points ->
    [one] { COUNT($points) } point
   *[other] { COUNT($points) } points
} ({ $steps }) of { $signals ->
    [one] { COUNT($signals) } signal
   *[other] { COUNT($signals) } signals
}: { $names }
contents-nothing = no points
known-parameters = { $count ->
    [one] { COUNT($count) } parameter
   *[other] { COUNT($count) } parameters
}
known-vocabulary = a vocabulary of { COUNT($count) }
known-layers = { $count ->
    [one] { COUNT($count) } layer
   *[other] { COUNT($count) } layers
}
would_tell-role = If { $count ->
    [one] { $unnamed }
   *[other] one of { $unnamed }
} is the { SIGNAL($column) }, --role { $column }=COLUMN says so: it may show { $causes }. Else log it too.
would_tell-column = { $column ->
    [recording] A recording (newllm.record) may show { $causes }.
   *[other] Log { SIGNAL($column) } too: it may show { $causes }.
}
would_tell-wrong = The check before training found this wrong: { $probes }.
would_tell-sound = The check before training found this sound: { $probes }.
would_tell-check = Run { $call }: before the first step it checks { $probes }.
numbering-recording = Steps are counted from 1: the first call of recorder.step() is step 1.
numbering-zero = { CAPITAL($axis) }s are numbered as in the log, from 0.
remark_line-note = note: { $remark }
remark_line-left-out = left out: { $remark }

## where a finding is
steps-at = { $axis } { $step }
steps-range = { $axis }s { $first } to { $last }
steps-from = from { $axis } { $first } on
steps-until = until { $axis } { $last }

## its page
doctor-causes = Likely cause

causes-unknown = unknown: nothing in this log proves one. Possible: { $causes }.
doctor-figure = { $signal }, { $steps }
figure-in_grey = in grey: { $other }
doctor-not_finite = not finite
doctor-marked = the finding
doctor-no_finite_value = { $signal }: not one finite value

checked = Looked at, without an alarm: { $subjects }.
doubtful = Without an alarm, but not called sound, because the values have hardly fallen or end above their lowest: { $subjects }.
checked-loss = the training loss
checked-validation = validation compared with training
checked-accuracy = the accuracy
checked-rate = the learning rate and its schedule
checked-gradients = the gradient norm
checked-auxiliary = auxiliary losses
checked-state = the state between updates{ $percent ->
        [100] { "" }
       *[other] { " " }({ $percent } % of its tensors at each update: a change of one of them, once, is found with that probability)
    }
checked-updates = updates of layers
checked-given = what the model was given
checked-asked = what the loss asks for
checked-layers = signals of layers
checked-data = the data

## a directory of several runs or logs
several-logs = { $count } { $kind ->
    [runs] runs
   *[logs] logs
}, { $wrong ->
    [0] { $unjudged ->
        [0] nothing wrong found in any
       *[other] nothing wrong found; { $unjudged } of them hold too little to judge
    }
   *[other] { $wrong } of them with something wrong; the worst follows in full
}
several-unread = not judged: { $name } ({ $why })
several-more_unread = { COUNT($count) } more were not judged (--json names them)
several-too_many = only the first { $most } of a directory are read
several-lost = The model is lost: { $how }.
