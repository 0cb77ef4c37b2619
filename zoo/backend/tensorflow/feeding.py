"""TensorFlow: batches of arrays as a `tf.data.Dataset` without threads of its own."""

import tensorflow as tf

from zoo.backend.tensorflow import workers


def make_dataset(batches):
    """Returns a `tf.data.Dataset` of the batches that `ArrayBatches` would make."""
    with tf.device("cpu"):
        # Keras adds up the replicas' first batches, of which it needs the shape: no sum of bool.
        several = tf.distribute.get_strategy().num_replicas_in_sync > 1
        arrays = [
            array.astype("uint8") if several and array.dtype == bool else array
            for array in batches.arrays
        ]
        arrays = [tf.convert_to_tensor(array) for array in arrays]

    number, parts = workers.process()

    def slices(order):
        whole = tf.data.Dataset.from_tensor_slices(order).batch(batches.batch_size)
        return whole if parts == 1 else whole.map(lambda x: tf.reshape(x, (parts, -1))[number])

    orders = tf.data.Dataset.from_generator(
        lambda: iter([batches.indices]),  # as they are when an epoch begins
        output_signature=tf.TensorSpec(batches.indices.shape, tf.int64),
    )
    chosen = orders.flat_map(slices).apply(tf.data.experimental.assert_cardinality(len(batches)))
    dataset = chosen.map(lambda rows: tuple(tf.gather(array, rows) for array in arrays))
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.prefetch(1).with_options(options)
