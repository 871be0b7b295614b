# Words that the browser shows by itself.

browser-all = 全体を表示
browser-log = 対数目盛
browser-to = 〜
browser-nothing = 値がありません
browser-notFinite = 有限の値がありません
browser-copy = コピー
browser-copied = コピーしました
browser-infinite = 無限大
browser-missing = 測定なし
browser-from = 範囲
browser-help = ← → 移動 · + − 拡大縮小 · Home 全体 · L 対数目盛 · S 平滑化 · Shift ← → 値を読む
browser-helpHeat = ← → ↑ ↓ 値を読む · + − 拡大縮小 · Home 全体 · Shift ← → 移動
browser-plot = 操作できる図
browser-below = 0 以下
browser-bad = この図は描けませんでした
browser-smoothing = 平滑化
browser-smoothing-off = なし
browser-smoothing-share = 表示範囲の { $n } %
browser-smoothing-over = 移動中央値（幅 { $n } { $axis }）
browser-smoothed = 平滑化
browser-sample-left = 左の文章
browser-sample-right = 右の文章
