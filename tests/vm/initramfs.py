"""Archives as the kernel unpacks them at boot ("newc" cpio; several may follow each other in one file)."""
import stat

DIRECTORY, FILE = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755


def padded(data):
    return data + b"\0" * (-len(data) % 4)


def entry(number, name, mode, data=b""):
    """One file: thirteen numbers of eight hexadecimal digits, name and data, each padded to four bytes."""
    name = name.encode() + b"\0"
    numbers = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    return padded(b"070701" + b"".join(b"%08X" % n for n in numbers) + name) + padded(data)


def archive(files):
    """{path: bytes} as one archive; directories stand before what they hold."""
    directories = sorted({"/".join(parts[:n]) for parts in (path.split("/") for path in files) for n in range(1, len(parts))})
    entries = [(path, DIRECTORY, b"") for path in directories] + [(path, FILE, data) for path, data in files.items()]
    entries.append(("TRAILER!!!", 0, b""))
    data = b"".join(entry(number, *one) for number, one in enumerate(entries, 1))
    return data + b"\0" * (-len(data) % 512)
