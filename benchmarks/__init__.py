"""Throughput suite: how fast the zoo trains and samples, compared with hand-written loops.

`python -m benchmarks run` measures; `report`, `compare` and `csv` read what it wrote. `matrix`
measures all that is wanted of a GPU, and `profile` shows what a step consists of.

| folder    | what is in it                                                                  |
|-----------|--------------------------------------------------------------------------------|
| `measure` | cells, the processes that run them, timing, and the rows made of it            |
| `native`  | the hand-written loops, one package per framework                              |
| `record`  | rows and files of them, pairs of rows, the comparison of two runs              |
| `report`  | tables, charts and pages made of rows                                          |
| `results` | the rows and the report behind the README's figures                            |
"""
