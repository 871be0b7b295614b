"""The English texts of a report and of the local page, by key."""

TEXTS = {
    # what every page has
    "table": "Table",
    "sections": "Sections",
    "finding": "finding",
    # sections
    "verdict": "Verdict",
    "curves": "Training",
    "findings": "Findings",
    "classes": "By token class",
    "layers": "Layers",
    "context": "The context",
    "replay": "Replays",
    "data": "Data",
    "configuration": "To run it again",
    "comparison": "Comparison",
    "study": "Study",
}
