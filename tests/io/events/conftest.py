"""Small files as the programs of earthquake seismology write them."""

from __future__ import annotations

import pytest

NLLOC = """# picks of two events
PUBLIC_ID first event
UH1    ?    ?    ? P      ? 20100527 2359 59.1300 GAU  2.00e-02 -1.00e+00 -1.00e+00 -1.00e+00
UH1    ?    ?    ? Sg     ? 20100527 2359 61.4600 GAU  3.00e-02 -1.00e+00 -1.00e+00 -1.00e+00 1
UH2    ?    ?    ? P      ? 20100528 0001 -59.960 GAU  3.00e-02 -1.00e+00 -1.00e+00 -1.00e+00 0

UH1    ?    ?    ? P      ? 20100527 1656 26.1300 GAU  2.00e-02 > 1.0 2.0 3.0
UH3    ?    ?    ? PmP    ? 20100527 1656 27.0000 GAU  2.00e-02 -1.00e+00 -1.00e+00 -1.00e+00
"""
HYPODD = """#  1985  1 24  2 19 60.00  37.8832 -122.2415    9.80 1.40  0.15   0.51   0.02      38542
NCCSP       2.850  -1.000   P
NCNCA       3.550   0.250   S
NCBBB       3.750   0.000   P
# 2011 3 11 05 46 18.123456 38.1 142.86 24 9.0 0 0 0 2
JJJ 30.5 1 P
"""
PYOCTO = """,idx,time,x,y,z,picks,latitude,longitude,depth,event_idx,pick_idx,residual,station,phase,time_pick
0,7,2011-01-02 02:10:45.887104+00:00,14.8,518.1,42.5,12,49.16,-125.29,42.578125,7,459812,-0.12,LZB,P,1293934266.2
1,7,2011-01-02 02:10:45.887104+00:00,14.8,518.1,42.5,12,49.16,-125.29,42.578125,7,975721,0.59,LZB,S,1293934281.123456789
2,8,2011-01-02 03:10:45+00:00,14.8,518.1,42.5,12,48.0,-125.0,10.0,8,3,0.59,PFB,P,1293937845.5
"""
CSV = """# an arrival table
event,station,phase,arrival_time,pick_std,used
a b,LZB,P,2011-01-02T02:11:06.200000001,0.1,1
a b,LZB,S,2011-01-02T02:11:21Z,0.25,0
"<b>, ""x"" &",PFB,P,2011-01-02T11:11:06+09:00,0.125,true
"""
WIN = """#p 980217.140302 Nikko hagiwara
#p 98 02 17 14 02 42
#p 0200 0 20 752 20 758 +1
#s 98/02/17 23:59                   98/02/18 14:18:04
#s ASO  U  58.755 0.003  63.917 0.006   0.0 2.79e-06   36.64934  139.45970    720
#s KBH  .  58.837 0.006  64.132 0.006   0.0 2.35e-06   36.65450  139.52824    750  0.100  0.200
#s NIK  U  58.865 0.003   0.000 0.000   0.0 5.28e-06   36.62144  139.49072   1310
#s
#f  98  2 17    23 59  57.174   36.64721  139.48737   8.048   0.7
#f    CONV              0.000    0.181      0.130     0.275
"""
QUAKEML = """<?xml version="1.0" encoding="UTF-8"?>
<q:quakeml xmlns="http://quakeml.org/xmlns/bed/1.2" xmlns:q="http://quakeml.org/xmlns/quakeml/1.2">
<eventParameters publicID="smi:local/catalogue">
<event publicID="smi:local/event/one">
<preferredOriginID>smi:local/origin/two</preferredOriginID>
<pick publicID="smi:local/pick/1"><time><value>2020-01-01T23:59:59.5Z</value>
<uncertainty>0.05</uncertainty></time><waveformID networkCode="UW" stationCode="LON"/>
<phaseHint>Pdiff</phaseHint></pick>
<pick publicID="smi:local/pick/2"><time><value>2020-01-02T00:00:03.123456Z</value>
<lowerUncertainty>0.1</lowerUncertainty><upperUncertainty>0.3</upperUncertainty></time>
<waveformID networkCode="UW" stationCode="LON"/><phaseHint>S</phaseHint></pick>
<pick publicID="smi:local/pick/3"><time><value>2020-01-02T00:00:04Z</value>
<uncertainty>0.05</uncertainty></time><waveformID networkCode="UW" stationCode="RATT"/>
<phaseHint>P</phaseHint><evaluationStatus>rejected</evaluationStatus></pick>
<pick publicID="smi:local/pick/4"><time><value>2020-01-02T00:00:05Z</value>
<uncertainty>0.05</uncertainty></time><waveformID networkCode="UW" stationCode="GNW"/>
<phaseHint>P</phaseHint></pick>
<pick publicID="smi:local/pick/5"><time><value>2020-01-02T00:00:06Z</value>
<uncertainty>0.05</uncertainty></time><waveformID networkCode="UW" stationCode="SQM"/>
<phaseHint>P</phaseHint></pick>
<origin publicID="smi:local/origin/one"><time><value>2020-01-01T23:00:00Z</value></time>
<latitude><value>1</value></latitude><longitude><value>2</value></longitude></origin>
<origin publicID="smi:local/origin/two"><time><value>2020-01-01T23:59:57Z</value></time>
<latitude><value>47.5</value></latitude><longitude><value>-122.5</value></longitude>
<depth><value>25500</value></depth>
<arrival publicID="smi:local/arrival/1"><pickID>smi:local/pick/1</pickID><phase>Pn</phase></arrival>
<arrival publicID="smi:local/arrival/2"><pickID>smi:local/pick/2</pickID><phase>S</phase></arrival>
<arrival publicID="smi:local/arrival/3"><pickID>smi:local/pick/3</pickID><phase>P</phase></arrival>
<arrival publicID="smi:local/arrival/4"><pickID>smi:local/pick/4</pickID><phase>P</phase>
<timeWeight>0</timeWeight></arrival>
</origin>
</event>
</eventParameters>
</q:quakeml>
"""
FILES = {
    "nlloc": ("a.obs", NLLOC),
    "hypodd": ("phase.dat", HYPODD),
    "pyocto": ("picks.csv", PYOCTO),
    "quakeml": ("a.xml", QUAKEML),
    "csv": ("arrivals.csv", CSV),
    "hypomh": ("980217.235958.755", WIN),
}


@pytest.fixture
def files() -> dict[str, tuple[str, str]]:
    """One good file of each format of arrivals: its name and contents."""
    return dict(FILES)
