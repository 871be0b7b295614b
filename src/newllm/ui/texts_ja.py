"""The Japanese words of the local page, by key."""

JA = {
    "runs": "実行一覧", "compare": "比較", "studies": "研究", "play": "試す",
    "skip": "本文へ", "navigation": "ページ", "other_language": "English", "sections": "目次",
    "needs_script": "このページには JavaScript が必要です。newllm report で同じ内容のページを書き出せます。",
    # 実行の状態
    "running": "実行中", "finished": "完了", "interrupted": "中断", "diverged": "発散",
    "failed": "失敗", "stopped": "停止?", "recorded": "記録済み", "recording": "記録中",
    "unknown": "不明", "gone": "削除",
    # 一覧
    "filter": "絞り込み: 名前、モデル、状態、原因", "name": "実行", "curve": "損失", "state": "状態",
    "best": "最良の検証値", "findings": "所見", "when": "最終更新",
    "no_runs": "実行はまだありません", "no_runs_how": "次のように始めると、ここに自動で現れます。",
    "no_match": "条件に合う実行はありません", "looking": "実行を探しています …", "of": "/", "chosen": "件を選択",
    "compare_chosen": "選んだ実行を比較", "choose": "比較に選ぶ", "clear": "解除",
    "cut": "フォルダーが多すぎるため、一部だけを見ています。実行のあるフォルダーを指定してください。",
    "links": "フォルダーへのリンクはたどりません。", "not_examined": "未診断",
    "keys": "↑ ↓ 移動 · Enter 開く · X 選ぶ · C 比較 · / 絞り込み",
    "bits": "bits/byte", "nats": "nats", "fault": "異常", "warning": "警告", "note": "注記",
    "faults": "異常", "warnings": "警告", "notes": "注記", "cause": "原因", "remedy": "対策",
    "replayed": "リプレイ済み", "damaged": "破損", "healthy": "問題なし",
    "ago_now": "たった今", "ago_s": "{} 秒前", "ago_m": "{} 分前", "ago_h": "{} 時間前", "ago_d": "{} 日前",
    # 一つの実行
    "step": "ステップ", "parameters": "パラメータ数", "speed": "毎秒トークン", "trained_for": "学習時間",
    "best_at": "ステップ", "loading": "読み込み中 …", "cannot": "この実行は表示できません",
    "live": "更新中", "not_live": "サーバーの応答がありません。再試行中 …", "left": "残り",
    "examine": "診断", "examine_title": "newllm doctor: 問題を探し、findings.json に書きます",
    "replay": "リプレイ",
    "replay_title": "newllm replay: スパイクの前から、一つずつ変えて学習し直します",
    "budget": "時間", "stop": "停止", "stopping": "停止しています …",
    "job_stopped": "停止しました。済んだ分は残っています。もう一度「リプレイ」を押すと続きから始まります。",
    "job_failed": "失敗", "job_doctor": "診断", "job_replay": "リプレイ", "starting": "開始しています …",
    "replays": "回", "up_to": "/ 最大", "seconds": "秒", "job_found": "診断の結果",
    "job_nothing": "問題は見つかりませんでした。",
    "job_unjudged": "判断するには情報が足りません。", "spiked": "スパイク", "tried": "これまでの結果", "hide": "隠す",
    "budget_60": "1 分", "budget_300": "5 分", "budget_900": "15 分", "budget_3600": "1 時間",
    # 比較
    "add_run": "実行を加える", "signal": "信号", "axis": "横軸", "axis_step": "ステップ", "axis_token": "トークン",
    "axis_time": "時間", "axis_progress": "進み具合", "view": "表示", "view_overlay": "重ねる",
    "view_difference": "最初の実行との差", "view_arms": "群ごとの区間",
    "smooth": "平滑", "remove": "外す", "compare_none": "比較する実行を、一覧またはここで選んでください。",
    "compare_more": "比べる実行をもう一つ選んでください。", "copy_link": "リンクをコピー", "copied": "コピーしました",
    "not_comparable": "表示なし", "first_run": "基準", "seeds": "シード",
    # 研究
    "no_studies": "研究はありません", "no_studies_how": "研究は次のように実行します:", "arms": "群", "claims": "主張",
    "verdicts": "判定", "study": "研究",
}  # fmt: skip
