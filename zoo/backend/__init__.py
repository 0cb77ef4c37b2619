"""The only backend-specific code of the project: a folder per backend, the same functions in each.

In `step.py`, whatever Keras lacks for a step with two networks and two optimizers:

| function               | what it does                                                           |
|------------------------|------------------------------------------------------------------------|
| `run_step`             | runs an imperative step inside the trainer's own signature             |
| `fuse_steps`           | one compiled loop of several steps, for `steps_per_execution`          |
| `keep_arrays`          | the trainer's function of a step, which never costs the model its state |
| `call_network`         | the outputs of a network, without what Keras adds to each eager call   |
| `value_and_gradients`  | a loss and its gradients with respect to chosen variables              |
| `forward_and_pullback` | outputs, and the function that carries a gradient back to variables    |
| `input_gradient`       | a value and its gradient with respect to a tensor; can be nested       |
| `all_finite`           | whether tensors hold neither NaN nor infinity, without waiting for it  |
| `apply_gradients`      | one optimizer's update, or none if a tensor says so                    |
| `revert`               | gives variables earlier values back if a tensor says so                |
| `feed`                 | batches of arrays for `fit`, as the trainer takes them fastest         |
| `compile_inference`    | a function of arrays that runs a network without gradients             |
| `state_kept`           | keeps the variables' values if the trainer fails on its way            |
| `draw_apart`           | a random seed with draws of its own, on each device and beside others  |
| `device_name`          | what computes here                                                     |

In `layers.py`, what layers compute, in the form that is fast there:

| function               | what it does                                                           |
|------------------------|------------------------------------------------------------------------|
| `lay_out_kernel`       | a kernel's order in memory, as convolutions read it                    |
| `convolve`             | convolution with "same" padding                                        |
| `convolve_transposed`  | transposed convolution with "same" padding                             |
| `batch_normalize`      | batch normalization in training, and the batch's statistics            |
| `normalize`            | batch normalization by given statistics                                |
| `move_toward`          | a moving average's update                                              |
| `random_bits`          | 16 random bits for each element of a tensor                            |
| `fourier_threshold`    | how many products a convolution's Fourier form must spare to be faster |

In `distribution.py`, what several devices and processes take:

| function               | what it does                                                           |
|------------------------|------------------------------------------------------------------------|
| `join`                 | connects the processes of a job, and takes their devices               |
| `process`              | the number of this process, and how many there are                     |
| `replica`              | the number of the replica that computes here, and how many there are   |
| `shares`               | how many parts of equal size a batch is split into                     |
| `batch_part`           | which part of each batch this process feeds                            |
| `mean_over_replicas`   | means of tensors over all replicas, differentiable                     |
| `share`                | gives all processes the first one's values of variables                |
| `meet`                 | waits until every process is here                                      |
| `alone`                | lets one process compute something by itself                           |

In `derivatives.py`, on TensorFlow and PyTorch: what has no right second derivative there, in a form
that has. `input_gradient` takes it where its gradient is differentiated again.

Everything outside of this folder is `keras.ops`.
"""

import importlib

import keras

_module = importlib.import_module(f"{__name__}.{keras.backend.backend()}.step")
_distribution = importlib.import_module(f"{__name__}.{keras.backend.backend()}.distribution")
_layers = importlib.import_module(f"{__name__}.{keras.backend.backend()}.layers")

UNTRACKED = _module.UNTRACKED
run_step = _module.run_step
fuse_steps = _module.fuse_steps
keep_arrays = _module.keep_arrays
call_network = _module.call_network
value_and_gradients = _module.value_and_gradients
forward_and_pullback = _module.forward_and_pullback
input_gradient = _module.input_gradient
all_finite = _module.all_finite
apply_gradients = _module.apply_gradients
revert = _module.revert
feed = _module.feed
compile_inference = _module.compile_inference
state_kept = _module.state_kept
draw_apart = _module.draw_apart
device_name = _module.device_name
join = _distribution.join
process = _distribution.process
replica = _distribution.replica
shares = _distribution.shares
batch_part = _distribution.batch_part
mean_over_replicas = _distribution.mean_over_replicas
share = _distribution.share
meet = _distribution.meet
alone = _distribution.alone
lay_out_kernel = _layers.lay_out_kernel
convolve = _layers.convolve
convolve_transposed = _layers.convolve_transposed
batch_normalize = _layers.batch_normalize
normalize = _layers.normalize
move_toward = _layers.move_toward
random_bits = _layers.random_bits
fourier_threshold = _layers.fourier_threshold
