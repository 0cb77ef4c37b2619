"""Writing arrays to an HDF5 file, whole or not at all."""

import io

import h5py

from zoo.files import replacing


def write_arrays(path, arrays, **options):
    """Writes arrays to a file, in the form that `zoo.hdf5` reads.

    Args:
        path: the file.
        arrays: dict name -> ndarray; slashes in a name make groups.
        **options: of `h5py.Group.create_dataset`: `compression`, `shuffle` ...

    Raises:
        OSError: if the disk is full, the folder can't be written to ...
    """
    # In memory first: from a full disk, libhdf5 comes back with broken objects and noise.
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **options)
    with replacing(path) as temporary:
        temporary.write_bytes(memory.getbuffer())
