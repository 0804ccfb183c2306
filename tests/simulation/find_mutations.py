import sys
from multiprocessing import get_context
from tests.simulation.house import run
from tests.simulation.mutations import MUTATIONS
def find(i):
    m=MUTATIONS[i]
    for seed in range(1, 301):
        o=run(seed, mutation=m.at_work)
        if o.broken: return i,seed,o.broken[:140]
    return i,None,''
if __name__=="__main__":
    which = [int(a) for a in sys.argv[1:]] or range(len(MUTATIONS))
    with get_context("fork").Pool(2) as pool:
        for i,seed,b in pool.imap(find, which): print(i,MUTATIONS[i].name,'|',seed,'|',b,flush=True)
