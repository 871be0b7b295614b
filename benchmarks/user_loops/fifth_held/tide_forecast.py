from __future__ import print_function
import argparse, csv, os
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
import newllm

def tides(n, seed, L=28):
    r = np.random.RandomState(seed)
    t = np.arange(L)[None] + r.randint(-80, 80, (n, 1))
    return (np.sin(t / 4.) + .4 * np.sin(t / 1.7 + r.uniform(0, 6.28, (n, 1))) + .05 * r.randn(n, L)).astype('float64')

class Sequence(nn.Module):
    def __init__(self):
        super(Sequence, self).__init__()
        self.lstm1 = nn.LSTMCell(1, 20)
        self.linear = nn.Linear(20, 1)

    def forward(self, input, future=0):
        outputs = []
        h_t = torch.zeros(input.size(0), 20, dtype=torch.double)
        c_t = torch.zeros(input.size(0), 20, dtype=torch.double)
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            output = self.linear(h_t)
            outputs += [output]
        for i in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            output = self.linear(h_t)
            outputs += [output]
        return torch.cat(outputs, dim=1)

if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--steps', type=int, default=400, help='steps to run')
    parser.add_argument('--out', required=True)
    parser.add_argument('--sound', action='store_true')
    opt = parser.parse_args()
    os.makedirs(opt.out, exist_ok=True)
    torch.set_num_threads(1)
    np.random.seed(0); torch.manual_seed(0)
    data, test = torch.from_numpy(tides(80, 1)), torch.from_numpy(tides(40, 2))
    input, target = data[:, :-1], data[:, 1:]
    test_input, test_target = test[:, :-1], test[:, 1:]
    seq = Sequence().double()
    criterion = nn.MSELoss()
    # use LBFGS as optimizer since we can load the whole data to train
    optimizer = optim.LBFGS(seq.parameters(), lr=.5, max_iter=2, history_size=20)
    with newllm.record(seq, optimizer, out=os.path.join(opt.out, 'recording')) as recorder, open(os.path.join(opt.out, 'log.csv'), 'w') as f:
        log = csv.writer(f); log.writerow(['STEP', 'loss', 'test loss'])
        for i in range(opt.steps):
            def closure():
                optimizer.zero_grad()
                loss = criterion(seq(input), target)
                loss.backward()
                return loss
            loss = optimizer.step(closure)
            recorder.step(loss)
            row = [i, loss.item(), '']
            if (i + 1) % 20 == 0:
                with torch.no_grad():
                    pred = seq(test_input)
                    row[2] = criterion(pred, test_target).item()
                recorder.validation(row[2])
                if (i + 1) % 100 == 0: print('STEP: ', i, 'loss:', loss.item(), 'test loss:', row[2])
            log.writerow(row)
