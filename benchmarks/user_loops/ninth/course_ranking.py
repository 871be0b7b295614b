"""Recommends evening courses: people and courses get vectors, trained so that a chosen course scores above others."""
import argparse
import csv
from pathlib import Path

import torch
from torch import nn
import torch.nn.functional as F

import newllm


class Matcher(nn.Module):
    def __init__(self, people, courses, dim=16):
        super().__init__()
        self.person = nn.Embedding(people, dim)
        self.course = nn.Embedding(courses, dim)
        self.popular = nn.Embedding(courses, 1)
        nn.init.normal_(self.person.weight, std=0.1)
        nn.init.normal_(self.course.weight, std=0.1)
        nn.init.zeros_(self.popular.weight)

    def forward(self, person, course):
        return (self.person(person) * self.course(course)).sum(-1) + self.popular(course).squeeze(-1)


def choices(people, courses, per_person, generator):
    taste = torch.randn(people, 4, generator=generator)
    theme = torch.randn(courses, 4, generator=generator)
    appeal = torch.randn(courses, generator=generator) * 0.8
    score = 1.8 * taste @ theme.T + appeal + 0.0
    noisy = score - torch.log(-torch.log(torch.rand(people, courses, generator=generator)))
    return noisy.topk(per_person, dim=1).indices


def main(args):
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(args.seed + 40)
    people, courses, each = 500, 150, 24
    picked = choices(people, courses, each, g)
    shuffled = torch.stack([row[torch.randperm(each, generator=g)] for row in picked])
    train, held = shuffled[:, :20], shuffled[:, 20:]
    chosen = torch.zeros(people, courses, dtype=torch.bool)
    chosen.scatter_(1, train, True)
    pairs = torch.stack([torch.arange(people).repeat_interleave(20), train.flatten()], dim=1)

    def never_chosen(who, chosen=chosen):
        course = torch.randint(courses, who.shape)
        for _ in range(6):
            again = chosen[who, course]
            course = torch.where(again, torch.randint(courses, who.shape), course)
        return course

    val_who = torch.arange(people).repeat_interleave(4)
    val_yes = held.flatten()
    val_no = never_chosen(val_who, chosen.scatter(1, held, True))

    model = Matcher(people, courses)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", newline="") as f, \
            newllm.record(model, optimizer, out=args.out / "recording", config=vars(args)) as recorder:
        log = csv.writer(f)
        log.writerow(["step", "bpr", "val_bpr", "val_auc"])
        step = 0
        for epoch in range(args.epochs):
            for rows in torch.randperm(len(pairs)).split(args.batch):
                who, yes = pairs[rows].T
                no = never_chosen(who)
                margin = model(who, yes) - model(who, no)
                bpr = F.softplus(-margin).mean()
                touched = model.person(who).square().sum(-1) + model.course(yes).square().sum(-1) \
                    + model.course(no).square().sum(-1)
                loss = bpr + args.reg * touched.mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
                step += 1
                row = [step, bpr.item(), "", ""]
                if step % 40 == 0:
                    with torch.no_grad():
                        margin = model(val_who, val_yes) - model(val_who, val_no)
                    row[2] = F.softplus(-margin).mean().item()
                    row[3] = (margin > 0).float().mean().item()
                    recorder.validation(row[2], accuracy=row[3])
                log.writerow(row)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--reg", type=float, default=0.004)
    parser.add_argument("--batch", type=int, default=160)
    parser.add_argument("--epochs", type=int, default=8)
    torch.set_num_threads(1)
    main(parser.parse_args())
