"""The project's colours, by what they stand for.

The hues are those of Okabe and Ito (2008), which people with any common colour blindness tell apart.
Two that share a panel also differ in lightness, so that a grey print keeps them apart: training is dark,
validation light. The report and the local page take theirs from here as well.
"""

TRAINING = "#0072B2"  # blue
VALIDATION = "#E69F00"  # orange
SPIKE = "#D55E00"  # vermilion: what went wrong, and where
CONTEXT = "#009E73"  # bluish green
LEARNING_RATE = "#CC79A7"  # reddish purple

INK = "#1F2328"
MUTED = "#6B7280"
GRID = "#E6E8EB"
PAPER = "#FFFFFF"
