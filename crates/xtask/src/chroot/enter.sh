# Owns the first process of a jail: it unpacks the system into memory, mounts what its programs need, prints its process
# id as the machine sees it, and ends when its standard input does. The kernel then ends every process of the jail and
# frees its files. Must never mount anything where the machine sees it.
set -eu
root=$1 archive=$2
read -r pid _ </proc/self/stat
mount --make-rprivate /
mount -t tmpfs -o mode=755 system "$root"
tar --extract --preserve-permissions --numeric-owner --file="$archive" --directory="$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir --mode=1777 "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
echo "$pid"
read -r _ || exit 0
