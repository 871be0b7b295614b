"""Forged coins: weight and thickness come in eight mints; a generator learns to strike them."""
import argparse, csv, math, os
import torch, torch.nn as nn, torch.optim as optim
import newllm

opt = argparse.ArgumentParser()
opt.add_argument('--nz', type=int, default=8)
opt.add_argument('--ngf', type=int, default=96)
opt.add_argument('--ndf', type=int, default=96)
opt.add_argument('--niter', type=int, default=900)
opt.add_argument('--lr', type=float, default=1e-3)
opt.add_argument('--beta1', type=float, default=0.5)
opt.add_argument('--manualSeed', type=int, default=999)
opt.add_argument('--out', required=True)
opt.add_argument('--sound', action='store_true')
opt = opt.parse_args()
torch.set_num_threads(1)
torch.manual_seed(opt.manualSeed)
os.makedirs(opt.out, exist_ok=True)


def weights_init(m):
    if isinstance(m, nn.Linear):
        nn.init.orthogonal_(m.weight, 1.2)
        nn.init.zeros_(m.bias)


def coins(n):
    k = torch.randint(0, 8, (n,)).float() * (2 * math.pi / 8)
    return 1.5 * torch.stack([k.cos(), k.sin()], 1) + 0.12 * torch.randn(n, 2)


netG = nn.Sequential(nn.Linear(opt.nz, opt.ngf), nn.ReLU(True), nn.Linear(opt.ngf, opt.ngf), nn.ReLU(True), nn.Linear(opt.ngf, 2))
netD = nn.Sequential(nn.Linear(2, opt.ndf), nn.LeakyReLU(0.2), nn.Linear(opt.ndf, opt.ndf), nn.LeakyReLU(0.2), nn.Linear(opt.ndf, 1))
netG.apply(weights_init); netD.apply(weights_init)
criterion = nn.BCEWithLogitsLoss()
fixed_noise = torch.randn(2000, opt.nz)
real_label, fake_label = 1., 0.
optimizerD = optim.Adam(netD.parameters(), lr=opt.lr, betas=(opt.beta1, 0.999))
optimizerG = optim.Adam(netG.parameters(), lr=opt.lr, betas=(opt.beta1, 0.999))
held = coins(2000)


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


def mints_found(x):
    k = torch.arange(8).float() * (2 * math.pi / 8)
    d = torch.cdist(x, 1.5 * torch.stack([k.cos(), k.sin()], 1))
    near = d.min(1)
    return int((torch.bincount(near.indices[near.values < .4], minlength=8) > 40).sum())


with newllm.record(netG, optimizerG, out=os.path.join(opt.out, 'recording'), kind='adversarial') as recorder, open(os.path.join(opt.out, 'log.csv'), 'w') as fh:
    log = csv.writer(fh)
    log.writerow(['iteration', 'Loss_D', 'Loss_G', 'D(x)', 'D(G(z))_1', 'D(G(z))_2', 'energy_distance', 'modes'])
    for i in range(opt.niter):
        # (1) Update D network: maximize log(D(x)) + log(1 - D(G(z)))
        netD.zero_grad()
        real = coins(256)
        output = netD(real).view(-1)
        errD_real = criterion(output, torch.full((256,), real_label))
        errD_real.backward()
        D_x = output.sigmoid().mean().item()
        fake = netG(torch.randn(256, opt.nz))
        output = netD(fake.detach()).view(-1)
        errD_fake = criterion(output, torch.full((256,), fake_label))
        errD_fake.backward()
        D_G_z1 = output.sigmoid().mean().item()
        errD = errD_real + errD_fake
        optimizerD.step()
        # (2) Update G network: maximize log(D(G(z)))
        netG.zero_grad()
        output = netD(fake).view(-1)
        errG = criterion(output, torch.full((256,), real_label))
        errG.backward()
        D_G_z2 = output.sigmoid().mean().item()
        optimizerG.step()
        recorder.step(errG)
        ed = modes = ''
        if (i + 1) % 100 == 0:
            with torch.no_grad():
                x = netG(fixed_noise)
            ed, modes = energy_distance(x, held), mints_found(x)
            recorder.metrics({'energy_distance': ed, 'modes': modes})
            print('[%d/%d] Loss_D: %.4f Loss_G: %.4f D(x): %.3f D(G(z)): %.3f / %.3f  ed %.4f modes %d' % (i + 1, opt.niter, errD.item(), errG.item(), D_x, D_G_z1, D_G_z2, ed, modes))
        log.writerow([i, errD.item(), errG.item(), D_x, D_G_z1, D_G_z2, ed, modes])
