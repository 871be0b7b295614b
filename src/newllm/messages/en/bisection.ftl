# Which change of a program made its training go wrong (newllm bisect).

## what came out
bisect-unfinished = No verdict yet: the same command goes on.
bisect-given = No loss or measure parts from the sound run by more than another seed brings. Which change brings about what the training is given:
bisect-given-late = The time is up. No loss or measure parts from the sound run by more than another seed brings. Which change brings about what the training is given, as far as that is known (the same command with a larger --budget goes on):
bisect-brings = { $places } { $count ->
        [one] brings about
       *[other] bring about together
    }: { $said }.
bisect-brings-none = No change was found that brings about: { $said }.
bisect-cause = { $count ->
        [one] This change is the cause: { $places }.
       *[other] These { COUNT($count) } changes together are the cause, and no single one of them can be left out: { $places }.
    }
bisect-carried = { $places } only { $count ->
        [one] renames
       *[other] rename
    } what it uses, and { $count ->
        [one] has
       *[other] have
    } to go with it.
bisect-sufficient = Sufficient: the sound program with { $count ->
        [one] this change alone
       *[other] these changes alone
    } does the same: { CLAUSE($parts) }.
bisect-necessary-yes = Necessary: { $others ->
        [0] without { $count ->
            [one] it
           *[other] them
        } the program is the sound one, which does not.
        [one] with the other change but without { $count ->
            [one] it
           *[other] them
        }, the program does not.
       *[other] with all { COUNT($others) } other changes but without { $count ->
            [one] it
           *[other] them
        }, the program does not.
    }
bisect-necessary-no = Not necessary: without { $count ->
        [one] it
       *[other] them
    } the other changes bring it about too. Mend this, then bisect again for the others.
bisect-necessary-unknown = Whether it is necessary is not known: with the other changes but without { $count ->
        [one] it
       *[other] them
    }, the program ends with an error.
bisect-contradicted = Not all trials agree: it went wrong in { $wrong } of { $with } trials with { $count ->
        [one] this change
       *[other] these changes
    }, and in { $despite } of { $without } without. It is so where a program draws without a fixed seed, or where one change hides another.
bisect-not-repeated = The sound program, run again, does not have the same losses to the bit, as where it draws without a fixed seed, or was recorded on another machine: a trial may be as it is by chance.
bisect-not-the-sound-run = { $failed ->
        [yes] The sound program, run again, ended before it had recorded enough.
       *[no] The sound program, run again, is not as { $sound }: { CLAUSE($parts) }. What differs lies outside of the program: data, versions, machine, what its environment says, or chance without a fixed seed.
    }
bisect-outside = { $tried ->
        [yes] { $changes ->
            [one] The one change of the program does
           *[other] All { COUNT($changes) } changes together do
        } not bring it about. What made the run go wrong lies outside of the program: its seed, data, versions, machine, or what its environment says.
       *[no] The two programs are the same, but for what changes no training. What made the run go wrong lies outside of the program: its seed, data, versions, machine, or what its environment says.
    }
bisect-elsewhere = The program imports { $files } from elsewhere than its own directory, as an installed package. A changed copy has no effect there: install it with pip install -e, or not at all, then bisect again.
bisect-unresolved = With all changes the program ends before it has recorded enough: nothing can be said.
bisect-out-of-time = { $count ->
        [0] The time is up, and nothing is known yet.
        [one] The time is up. This change brings it about, but whether it is necessary is not known yet: { $places }.
       *[other] The time is up. The cause is among these { COUNT($count) } changes: { $places }.
    } The same command with a larger --budget goes on.
bisect-last-line = It printed last: { $line }
bisect-printed-nothing = It printed nothing.
bisect-no-input = Trials have no standard input: let the program take an option in place of an answer.
bisect-failed = { $count ->
        [one] One trial ended with an error and says nothing.
       *[other] { COUNT($count) } trials ended with an error and say nothing.
    }
bisect-moved = Not alike: { $things }.
bisect-moved-one = { $name } { $now } (there { $there })
bisect-seeds = The seed differs ({ $places }) { $seeded ->
        [yes] too, and was tried as in both programs
       *[no] and was left as in the sound program
    }.
bisect-seeded = With the seed of the sound program nothing is seen: all these trials have that of the run ({ $places }).
bisect-trials = { $count ->
        [one] One trial
       *[other] { COUNT($count) } trials
    } up to step { COUNT($horizon) }, { FIXED($seconds) } s in all.
bisect-more = ... { COUNT($count) } more lines
bisect-left-out = { $count ->
        [one] A file that was written while the runs trained is
       *[other] { COUNT($count) } files that were written while the runs trained are
    } not in the copies: { $names }{ $more ->
        [0] { "" }
       *[other] , ...
    }.
bisect-left-out-after = { $count ->
        [one] A file that was written in the minute after a run had trained is
       *[other] { COUNT($count) } files that were written in the minute after a run had trained are
    } not in the copies, as the run may have written { $count ->
        [one] it
       *[other] them
    }: { $names }{ $more ->
        [0] { "" }
       *[other] , ...
    }.
bisect-roots = The two programs lie in different directories: trials run in a copy of { $sound }, that of the sound run, not of { $run }.
bisect-ranks = { $runs } { $count ->
        [one] was
       *[other] were
    } recorded by several processes, which torchrun did not start; trials run as one.

## while it works
bisect-begins = { $changes ->
        [one] One change
       *[other] { COUNT($changes) } changes
    } from the program of { $sound } to that of { $run }; trials run up to step { COUNT($horizon) }
bisect-stage-sound = the sound program
bisect-stage-all = { $count ->
        [one] the one change
       *[other] all { COUNT($count) } changes
    }
bisect-stage-search = { $more ->
        [0] { $places }
       *[other] { COUNT($count) } changes
    }
bisect-stage-without = { $count ->
        [0] no change
        [one] the other one
       *[other] the other { COUNT($count) }
    }
bisect-outcome-parts = goes wrong too
bisect-outcome-given = is given this too: { CLAUSE($parts) }{ $more ->
        [0] { "" }
       *[other] , and { COUNT($more) } more
    }
bisect-outcome-otherwise = differs, but not so
bisect-outcome-sound = as the sound run{ $identical ->
        [yes] , to the bit
       *[no] { "" }
    }
bisect-outcome-failed = ends with an error
bisect-tried = { $number }  { $what }: { $outcome }  ({ COUNT($steps) } steps, { FIXED($seconds, digits: 1) } s)
