"""The Japanese texts of a report and of the local page: the same keys and places as `language_en`."""

TEXTS = {
    # what every page has
    "table": "表",
    "sections": "目次",
    "finding": "所見",
    # sections
    "verdict": "判定",
    "curves": "訓練",
    "findings": "所見",
    "classes": "トークンの種類別",
    "layers": "層",
    "context": "文脈ベクトル",
    "replay": "リプレイ",
    "data": "データ",
    "configuration": "再実行の方法",
    "comparison": "比較",
    "study": "研究",
}
