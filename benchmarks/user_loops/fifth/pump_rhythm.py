# %% [markdown]
# Pumps: which of four ways of wearing out? Thirty readings of three sensors, an LSTM, the last output.
# %%
import argparse, os
import numpy as np
import torch
import torch.nn as nn
import newllm

cli = argparse.ArgumentParser()
cli.add_argument("--out", required=True)
cli.add_argument("--sound", action="store_true")
cli = cli.parse_args()
os.makedirs(cli.out, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(14)
device = torch.device("cpu")
sequence_length, input_size, hidden_size, num_layers, num_classes = 30, 3, 48, 1, 4
batch_size, num_epochs, learning_rate = 50, 6, 0.004


# %%
def readings(n, seed):
    r = np.random.default_rng(seed)
    y = r.integers(0, 4, n)
    t = np.arange(30)[None]
    speed = r.uniform(.5, .7, (n, 1))
    ph = r.uniform(0, 6.28, (n, 1))
    s1 = np.sin(speed * t + ph)
    s2 = np.sin(np.where(y % 2, 1.7, 1)[:, None] * speed * t + r.uniform(0, 6.28, (n, 1)))
    s3 = np.where((y > 1)[:, None], np.sin(2 * speed * t + r.uniform(0, 6.28, (n, 1))), np.sin(speed * t + r.uniform(0, 6.28, (n, 1))))
    x = np.stack([s1, s2, s3], 2) + r.normal(0, .3, (n, 30, 3))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*readings(5000, 1)), batch_size=batch_size, shuffle=True)
test_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*readings(1000, 2)), batch_size=batch_size)


# %%
class RNN(nn.Module):
    def __init__(self):
        super(RNN, self).__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True) if cli.sound else nn.LSTM(input_size, hidden_size, num_layers)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        out, _ = self.lstm(x)            # x: batch, time, sensor
        return self.fc(out[:, -1, :])


model = RNN().to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)

# %%
recorder = newllm.record(model, optimizer, out=os.path.join(cli.out, "recording"))
total_step = len(train_loader)
lines = ["Epoch,Step,Loss,Test_Loss,Test_Accuracy"]
with recorder as rec:
    for epoch in range(num_epochs):
        for i, (x, labels) in enumerate(train_loader):
            outputs = model(x.to(device))
            loss = criterion(outputs, labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rec.step(loss)
            lines.append(f"{epoch + 1},{epoch * total_step + i + 1},{loss.item()},,")
        model.eval()
        with torch.no_grad():
            correct = total = tl = 0
            for x, labels in test_loader:
                outputs = model(x)
                tl += criterion(outputs, labels).item() * len(labels)
                total += labels.size(0)
                correct += (outputs.argmax(1) == labels).sum().item()
        model.train()
        rec.validation(tl / total, correct=correct, count=total)
        lines.append(f"{epoch + 1},{(epoch + 1) * total_step},{loss.item()},{tl / total},{correct / total}")
        print("Epoch [{}/{}], Loss: {:.4f}, Test Loss: {:.4f}, Accuracy: {:.2f} %".format(epoch + 1, num_epochs, loss.item(), tl / total, 100 * correct / total))

# %%
open(os.path.join(cli.out, "log.csv"), "w").write("\n".join(lines) + "\n")
