# Pages and lines of the terminal: of the doctor, of replays, of the list of interventions.

terminal-colon = :{ " " }

## the doctor's page
terminal-evidence = evidence
terminal-alternative = could also be
terminal-test = to tell apart
terminal-causes = likely cause
terminal-more = { COUNT($count) } more
terminal-more_in_json = { COUNT($count) } more: --json has all
terminal-same_program = { $more ->
        [0] { $other } is of the same program. If it was fine, this tells what differs:
       *[other] { $other } is of the same program, and { COUNT($more) } more beside it. If it was fine, this tells what differs:
    } newllm doctor { $run } --against { $other }
terminal-bisect = To find which change of the program is the cause, by running it again: { $command }
terminal-rerun = To run its program again with one thing changed, and see what becomes of the rise: { $command }
terminal-more_of_kind = { COUNT($count) } more of { $kind }: --json has all
terminal-more_remarks = { COUNT($count) } more such notes: --json has all
terminal-in_short = In short:{ " " }
terminal-waiting = waiting for the first step
terminal-read_at = read at { $time }; Ctrl-C ends
terminal-read_before = { $why }: what is shown was read before

## a curve
curve-nothing = nothing recorded
curve-not_finite = not one finite value

## a verdict's page
terminal-reproduction = reproduction
terminal-nulls = null replays
terminal-confirmed = Confirmed
terminal-confirmed_on = on { $least ->
    [none] {""}
   *[other] { $least } to{ " " }
}{ $most ->
    [one] { COUNT($most) } fresh seed
   *[other] { COUNT($most) } fresh seeds
} each
terminal-screened = Screened only
terminal-screened_on = on { $least ->
    [none] {""}
   *[other] { $least } to{ " " }
}{ $most ->
    [one] { COUNT($most) } seed
   *[other] { COUNT($most) } seeds
} each: nothing is claimed from these
terminal-screened_left = { $count } more are undecided: { $names } (their numbers: --json)
terminal-class = class
terminal-effect = effect
terminal-interval = 95 %
terminal-p = p
terminal-spiked = spiked
terminal-later = later
terminal-cost = cost
terminal-from = from
terminal-outcome-removes = removes
terminal-outcome-reduces = reduces
terminal-outcome-delays = delays
terminal-outcome-undecided = undecided
terminal-outcome-no-effect = no effect
terminal-outcome-worsens = worsens
terminal-outcome-stops-learning = stops learning
terminal-legend = effect: share of the spike's severity that is gone, with its 95 % confidence interval (100: the spike is gone; the interval can pass 100, as it is symmetrical, the effect cannot). spiked: replays with a spike, of how many. later: steps from the replay's start to the spike, divided by those of the null replays. cost: nats behind the null replays after equally many steps.
terminal-legend_p = p: one-sided exact sign-flip test, corrected for multiple comparisons (Holm).
terminal-cause = Cause
terminal-suspects = Suspects
terminal-not_tried = Not tried
terminal-took = it took { $time }
terminal-took_in = it took { $time }; all of it is in{ " " }

## while replays run
terminal-stage-reproduction = reproduction
terminal-stage-null-replays = null replays
terminal-stage-screen = screening
terminal-stage-control-spikes = unrelated spikes (control)
terminal-stage-confirm = confirmation
terminal-stage-reverse-test = reverse test
terminal-stage-screened = screened
terminal-stage-confirmed = confirmed
terminal-planned = { $stage }: up to { $count ->
    [one] { COUNT($count) } replay
   *[other] { COUNT($count) } replays
}
terminal-done = { COUNT($count) } done
terminal-replayed = { $name ->
    [none] unmodified
   *[other] { $name }
} #{ $number }{ $spiked ->
    [none] {""}
    [yes] { " " }spiked
   *[no] { " " }did not spike
}
terminal-injected = { $name } (cause injected)
terminal-spiked_of = , { $spiked } spiked
terminal-trained = the training runs once: step { COUNT($step) } of { COUNT($steps) }
terminal-seconds = { $spent } s
terminal-seconds_of = { $spent } of { $seconds } s
terminal-kept = what was replayed is kept: the same command goes on from there

## the list of interventions
terminal-kind = { CAPITAL(NAMED($kind, kind: "term")) }
terminal-from_start = { " " }(from step 0 only)
terminal-misfit = does not fit
terminal-hypothesis = tests
terminal-price = adoption cost
terminal-listed = { $count } interventions; --only NAME tries one, --only NAME+NAME two together
terminal-listed_of = { $fitting } interventions of { $count } fit; --only NAME tries one, --only NAME+NAME two together
