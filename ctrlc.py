import subprocess, sys, signal, time
CODE="import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from burnish.cli import main; main()"
for wait in (0.5, 1.5, 8):
    p=subprocess.Popen([sys.executable,"-c",CODE,"run","--local","surrogate","--problem","allen-cahn","--x","0","--seconds","40"],stdout=subprocess.PIPE,stderr=subprocess.PIPE,text=True)
    time.sleep(wait); t=time.time(); p.send_signal(signal.SIGINT); out,err=p.communicate(timeout=30)
    print(wait, "rc", p.returncode, "after", round(time.time()-t,2)); print(out[-300:]); print("ERR", err[-600:])
