# Before the long run: can the net take in one sheet of sixteen stamps? Loss must go to nothing, otherwise there is a bug in the net.
import argparse, os, csv
import torch
import torch.nn as nn
import torch.nn.functional as F
import newllm

ap = argparse.ArgumentParser()
ap.add_argument("--out", required=True)
ap.add_argument("--sound", action="store_true")
args = ap.parse_args()
os.makedirs(args.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(21)


class Net(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 8 * 8, 64)
        self.fc2 = nn.Linear(64, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


# %% one batch, kept for good
images = torch.rand(16, 3, 32, 32) - .5
labels = torch.randint(0, 10, (16,))

# %%
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
history = []
with newllm.record(net, optimizer, out=args.out + "/recording") as rec:
    for it in range(400):
        optimizer.zero_grad()
        out = net(images)
        loss = F.cross_entropy(out, labels)
        loss.backward()
        optimizer.step()
        rec.step(loss)
        history.append((it, loss.item(), (out.argmax(1) == labels).float().mean().item()))

# %%
with open(args.out + "/log.csv", "w") as f:
    w = csv.writer(f)
    w.writerow(["it", "loss", "acc"])
    w.writerows(history)
print(history[0], history[100], history[-1])
assert history[-1][2] == 1.0, "the net cannot even learn sixteen pictures"
