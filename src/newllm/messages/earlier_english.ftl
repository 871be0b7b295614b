# What English messages said in an earlier newllm. A file that was written then holds these sentences beside their data;
# by them `read_message` sees that both say the same, so that the sentence comes in today's words and in every language.

cause-shown = The cause is { $name } ({ CLAUSE($hypothesis) }): { $alternatives } rival changes as strong leave the spike, and planted into a healthy stretch it brings one about in { $spiked } of { $n } replays.
missing-reverse = { $name }: there was no reverse test (nothing to plant, no healthy stretch, or no time).
missing-planted = { $name }: planted into a healthy stretch, its cause made { $spiked } of { $n } replays spike ({ $without } without it).
