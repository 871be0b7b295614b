# What the commands print in lines: training, measuring, writing, the caches, the page's address, a study's progress.

## how long something takes
about-seconds = { FIXED($time) } s
about-minutes = { FIXED($time) } min
about-hours = { FIXED($time, digits: 1) } h
about-left = { $time } left

## sizes
size-bytes = { $count } bytes

## while a run trains
train-begins = training { COUNT($parameters) } parameters { $length } on { $device } in { $precision }{ $scan ->
    [none] {""}
   *[other] , scan { $scan }
}{ $ranks ->
    [1] {""}
   *[other] , { COUNT($ranks) } ranks
}
train-from = from step { COUNT($step) }
train-from_to = from step { COUNT($step) } to { COUNT($steps) }
train-for = for { COUNT($steps) } steps
train-for_seconds = for { G($seconds, digits: 6) } s in all, about { COUNT($steps) } steps,
train-step = step { $step }
train-loss = loss { $loss }
train-bits = { FIXED($bits, digits: 3) } bits per byte
train-speed = { COUNT($speed) } tokens/s
train-validation = validation { FIXED($loss, digits: 4) } nats, perplexity { FIXED($perplexity, digits: 2) }{ $bits ->
    [none] {""}
   *[other] , { FIXED($bits, digits: 4) } bits per byte
}
train-best_so_far = best so far
train-writes = writes: { $text }
train-curve = training loss
train-curve_validation = validation
train-curve_off_trend = off its trend

## where it ends
train-ended = { $state }: { $run }, { COUNT($steps) } steps, { COUNT($tokens) } tokens, { FIXED($seconds) } s of training, { FIXED($wall) } s in all
train-best = best validation: { FIXED($loss, digits: 4) } nats per token, perplexity { FIXED($perplexity, digits: 2) }{ $bits ->
    [none] {""}
   *[other] , { FIXED($bits, digits: 4) } bits per byte
} (step { COUNT($step) })
train-curves = curves: { $file }
train-spike = spike at step { COUNT($step) }; to find what removes it: newllm replay { $run }
train-spikes = { COUNT($count) } spikes, at steps { $steps }; to find what removes them: newllm replay { $run }
train-steps_from_to = { COUNT($first) } to { COUNT($last) }
train-go_on = go on with: newllm train --resume { $run }
train-no_sample = no sample: after so few steps it would be noise; to train longer: newllm train --resume { $run } --seconds S
train-no_time = no sample: the time is up; to write one: newllm generate { $run }
train-sample = sample, temperature 0.8, seed 0:
train-sample_at = sample, as the model wrote it at step { COUNT($step) }:
train-write_on = write on with: newllm generate { $run } --prompt "..."
train-other_time = { FIXED($wall, digits: 1) } s in all, not { G($seconds, digits: 6) }: training with its curves took { FIXED($trained, digits: 1) } s, the sample another { FIXED($sample, digits: 1) } s

## why a run ended before its time, as summary.json has it
ended-stopped = stopped by { $signal } after step { $step }
ended-stopped_lost = stopped by { $signal } after step { $step }: { $lost }
ended-stopped_in_replays = stopped by { $signal } while remedies were replayed
ended-stopped_in_replays_lost = stopped by { $signal } while remedies were replayed: { $lost }
ended-not_finite = not finite at step { $step }: loss { $loss }, gradient norm { $norm }
ended-asked = { $sentence }; go on with --resume and --guard (replays remedies), --guard rollback-and-skip or --guard off

## measuring and writing
eval-read = read { COUNT($done) } of { COUNT($total) } bytes{ $left ->
    [none] {""}
   *[other] , { $left }
}
eval-size = { COUNT($tokens) } tokens, { $bytes ->
    [none] number of bytes unknown (lost by the tokenizer)
   *[other] { COUNT($bytes) } bytes
}, { $nats } nats
eval-loss = { FIXED($loss, digits: 4) } nats per token, perplexity { FIXED($perplexity, digits: 2) }{ $bits ->
    [none] {""}
   *[other] , { FIXED($bits, digits: 4) } bits per byte
}
generate-positions = this model has only { $positions } learned positions, and the text ends there
bench-run = { $model }, seed { $seed }: { COUNT($steps) } updates in { FIXED($seconds) } s, right: { $scores }
bench-guessing = right by guessing: { $scores }

## other frameworks
export-written = { $directory }: { COUNT($parameters) } parameters of step { COUNT($step) }
export-load = load it with: import newllm.hf, transformers; transformers.AutoModelForCausalLM.from_pretrained({ $directory })
export-load_remote = load it with: transformers.AutoModelForCausalLM.from_pretrained({ $directory }, trust_remote_code=True)
export-load_onnx = its README.md holds a program that writes text with it
import-written = { $run }: the model of step { COUNT($step) }

## the caches
cache-tokens = tokenised texts in { $folder }, at most { $limit }: { $count }, { $size }
cache-states = states of replays, at most { $limit } a run: { $count }, { $size }
cache-used = used { $date }
cache-cleared = cleared { $size }
cache-cleared_but = cleared { $size }; { $used } left: in use by a running process, or not yours to remove

## pages
page-written = { $file } ({ $size })
page-runs_below = (runs below ./runs)
page-no_runs = (runs below the current directory, which has no folder 'runs'; newllm ui --demo shows packaged ones)
page-demo = (the packaged demo, read-only)
page-no_browser = no browser could be opened: open the address yourself

## a server of models
serve-ready = newllm serve: { $address }v1 ({ $models })
serve-in_memory = Responses are kept until it ends; --store DIR keeps them longer.
serve-new_key = The key of { $name }, shown this once: { $key }
serve-key_file = For the file of --keys:

## a run packed for an issue
zip-folder = { $folder } ({ COUNT($count) } files)
zip-left_out = Not in it: weights, tokenizer, training texts.
zip-texts = Look through it before you share it: the text that the model wrote, in { $files }, may repeat its training text.
zip-paths = Of paths only the last part is left. Names of files, your notes and all settings are in it as they are.

## while a study runs
study-planned = { COUNT($count) } runs{ $done ->
    [0] {""}
   *[other] , { COUNT($done) } of them finished already
}
study-done = { COUNT($done) }/{ COUNT($total) } runs
study-running = running { $runs }
study-run = { $arm } (seed { $seed })
study-cell_failed = failed: { $arm }, seed { $seed }: { $why }
study-cell_died = note: { $death }; this run is repeated
study-worker_died = a worker died (exit code { $code }) at { $run }
study-worker_lost = a worker was lost at { $run }
study-spent = { $spent } of at most { $most }
study-left = about { $time } left

stopped = stopped
stopped-by_launcher = stopped by SIGTERM, which torchrun sends to all processes when one has ended

## the demo
demo-doctor = 1  In a training the learning rate was doubled by mistake, at step 240. What the doctor says about it:
demo-verdict = 2  Another training has a loss spike. It was replayed with one thing changed at a time; the verdict:
demo-writes = 3  A small model that has read Moby Dick writes on:
demo-no_model = This needs the package { $package }, which is not installed: pip install 'newllm[train]'
demo-next = Go on with:
demo-next_page = see all of this and more in the browser
demo-next_log = find what went wrong in your own training, from its log
demo-next_train = train a model on the bundled novel
