# Words that the browser shows by itself.

browser-all = Show all
browser-log = Log scale
browser-to = to
browser-nothing = No values
browser-notFinite = No finite values
browser-copy = Copy
browser-copied = Copied
browser-infinite = infinite
browser-missing = not measured
browser-from = from
browser-help = ← → move · + − zoom · Home shows all · L log scale · S smoothing · Shift ← → reads values
browser-helpHeat = ← → ↑ ↓ read values · + − zoom · Home shows all · Shift ← → moves
browser-plot = interactive plot
browser-below = not above 0
browser-bad = This chart could not be drawn
browser-smoothing = Smoothing
browser-smoothing-off = off
browser-smoothing-share = { $n } % of what is shown
browser-smoothing-over = running median over a width of { $n } ({ $axis })
browser-smoothed = smoothed
browser-sample-left = the text on the left
browser-sample-right = the text on the right
