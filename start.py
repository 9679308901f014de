import time, torch
t=time.perf_counter()
import burnish
from burnish import Burnish
t1=time.perf_counter()
for k in range(4):
    a=time.perf_counter(); c=Burnish.local(); b=time.perf_counter(); c.ready(); d=time.perf_counter(); c.close(); e=time.perf_counter()
    print(f"start {b-a:.3f} first answer {d-b:.3f} close {e-d:.3f}")
print("import burnish", t1-t)
