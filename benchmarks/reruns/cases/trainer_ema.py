"""A class Trainer which keeps an average of the weights and evaluates with it now and then."""
import torch
import torch.nn as nn
import newllm


class EMA:
    def __init__(self, model, decay):
        self.decay = decay
        self.shadow = {k: torch.zeros_like(v) for k, v in model.state_dict().items()}
        self.backup = None

    @torch.no_grad()
    def update(self, model):
        for k, v in model.state_dict().items():
            self.shadow[k].mul_(self.decay).add_(v, alpha=1 - self.decay)

    def swap_in(self, model):
        self.backup = model.state_dict()
        model.load_state_dict(self.shadow)

    def swap_out(self, model):
        model.load_state_dict(self.backup)


class Trainer:
    def __init__(self, seed=13):
        torch.manual_seed(seed)
        w = torch.randn(16, 4)
        self.x = torch.randn(3000, 16)
        self.y = torch.tanh(self.x @ w) @ torch.randn(4, 2) + 0.05 * torch.randn(3000, 2)
        self.model = nn.Sequential(nn.Linear(16, 80), nn.GELU(), nn.Linear(80, 80), nn.GELU(), nn.Linear(80, 2))
        self.opt = torch.optim.AdamW(self.model.parameters(), lr=2e-3)
        self.sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.opt, 450, eta_min=2e-4)
        self.ema = EMA(self.model, 0.997)
        self.losses = []

    def batch(self):
        i = torch.randint(0, 2800, (64,))
        return self.x[i], self.y[i]

    def evaluate(self):
        self.ema.swap_in(self.model)
        self.model.eval()
        with torch.no_grad():
            v = nn.functional.mse_loss(self.model(self.x[2800:]), self.y[2800:]).item()
        self.model.train()
        self.ema.swap_out(self.model)
        return v

    def fit(self, updates=450, eval_every=320):
        with newllm.record(self.model, self.opt, out="runs/trainer_ema") as recorder:
            for n in range(1, updates + 1):
                x, y = self.batch()
                loss = nn.functional.mse_loss(self.model(x), y)
                self.opt.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.opt.step()
                self.sched.step()
                self.ema.update(self.model)
                recorder.step(loss)
                self.losses.append(loss.item())
                if n % eval_every == 0:
                    print("held-out", n, self.evaluate())


if __name__ == "__main__":
    t = Trainer()
    t.fit()
    with open("losses.txt", "w") as f:
        f.writelines(f"{v!r}\n" for v in t.losses)
