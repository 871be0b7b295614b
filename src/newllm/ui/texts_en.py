"""The English words of the local page, by key."""

EN = {
    "runs": "Runs", "compare": "Compare", "studies": "Studies", "play": "Playground",
    "skip": "To the content", "navigation": "Places", "other_language": "日本語", "sections": "Sections",
    "needs_script": "This page needs JavaScript; the command newllm report writes a page of the same run.",
    # states of a run
    "running": "running", "finished": "finished", "interrupted": "interrupted", "diverged": "diverged",
    "failed": "failed", "stopped": "stopped?", "recorded": "recorded", "recording": "recording",
    "unknown": "unknown", "gone": "gone",
    # the list of runs
    "filter": "Filter: name, model, state, cause", "name": "Run", "curve": "Loss", "state": "State",
    "best": "Best validation", "findings": "Findings", "when": "Last heard of",
    "no_runs": "No runs here yet", "no_runs_how": "Start one, and it appears here by itself:",
    "no_match": "No run matches the filter", "looking": "Looking for runs …", "of": "of", "chosen": "chosen",
    "compare_chosen": "Compare chosen", "choose": "Choose for comparing", "clear": "Clear",
    "cut": "There are more directories than are looked at: name one that holds just your runs.",
    "links": "Links to directories are not followed.", "not_examined": "not examined",
    "keys": "↑ ↓ move · Enter opens · X chooses · C compares · / filters",
    "bits": "bits/byte", "nats": "nats", "fault": "fault", "warning": "warning", "note": "note",
    "faults": "faults", "warnings": "warnings", "notes": "notes", "cause": "cause", "remedy": "remedy",
    "replayed": "replayed", "damaged": "damaged", "healthy": "nothing found",
    "ago_now": "now", "ago_s": "{} s ago", "ago_m": "{} min ago", "ago_h": "{} h ago", "ago_d": "{} d ago",
    # one run
    "step": "Step", "parameters": "Parameters", "speed": "Tokens a second", "trained_for": "Trained for",
    "best_at": "at step", "loading": "Reading …", "cannot": "This run cannot be shown",
    "live": "live", "not_live": "The server does not answer; trying again …", "left": "left",
    "examine": "Examine", "examine_title": "newllm doctor: looks for what is wrong, and writes findings.json",
    "replay": "Replay",
    "replay_title": "newllm replay: trains again from before the spike, one thing changed at a time",
    "budget": "Budget", "stop": "Stop", "stopping": "stopping …",
    "job_stopped": "Stopped. What was replayed is kept: replay again to go on.",
    "job_failed": "Failed", "job_doctor": "Doctor", "job_replay": "Replay", "starting": "starting …",
    "replays": "replays", "up_to": "of at most", "seconds": "s", "job_found": "The doctor found",
    "job_nothing": "The doctor found nothing wrong.",
    "job_unjudged": "There is too little to judge.", "spiked": "spiked", "tried": "Tried so far", "hide": "Hide",
    "budget_60": "1 minute", "budget_300": "5 minutes", "budget_900": "15 minutes", "budget_3600": "1 hour",
    # comparing
    "add_run": "Add a run", "signal": "Signal", "axis": "Across", "axis_step": "step", "axis_token": "tokens",
    "axis_time": "time", "axis_progress": "progress", "view": "View", "view_overlay": "overlay",
    "view_difference": "difference to the first", "view_arms": "arms, with intervals",
    "smooth": "Smooth", "remove": "Remove", "compare_none": "Choose runs to compare: in the list, or here.",
    "compare_more": "Choose one more run to compare with.", "copy_link": "Copy link", "copied": "Copied",
    "not_comparable": "not shown", "first_run": "first", "seeds": "seeds",
    # studies
    "no_studies": "No studies here", "no_studies_how": "A study is run by", "arms": "Arms", "claims": "Claims",
    "verdicts": "Verdicts", "study": "Study",
}  # fmt: skip
