# Sourced by run.sh: Debian's stock kernel, unpacked and never installed, and the initramfs that starts it on this machine's own files.
# shellcheck shell=bash

# One copy a user for all clones; delete the folder to get the current kernel.
vm_kernel=${XDG_CACHE_HOME:-$HOME/.cache}/proxyframework/kernel

# vm_prepare REPOSITORY INITRAMFS: fetches what is missing, and builds the initramfs where it is older than scripts/vm/init.
vm_prepare() {
  if [ "$(uname -m)" != x86_64 ]; then
    echo "error: the kernel for tests is an x86_64 one, this machine is $(uname -m)" >&2
    return 1
  fi
  require_packages qemu-system-x86_64=qemu-system-x86 busybox=busybox-static depmod=kmod setpriv=util-linux || return
  (
    mkdir -p "$(dirname "$vm_kernel")"
    exec 9>"$vm_kernel.lock"
    flock 9
    [ -e "$vm_kernel/vmlinuz" ] || vm_fetch_kernel
  ) || return
  [ "$2" -nt "$1/scripts/vm/init" ] && [ "$2" -nt "$vm_kernel/vmlinuz" ] || vm_build_initramfs "$1" "$2"
}

vm_fetch_kernel() {
  local package new as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  package=$(apt-cache depends --important linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  if [ -z "$package" ]; then
    echo "error: apt knows no kernel 'linux-image-amd64'" >&2
    return 1
  fi
  echo "== fetching $package (apt, 70 MB, once)"
  new=$(mktemp -d "$vm_kernel.XXXXXX")
  if ! (cd "$new" && apt-get -o APT::Sandbox::User=root download -qq "$package"); then
    echo "error: apt could not download $package" >&2
    rm -r "$new"
    return 1
  fi
  dpkg-deb --extract "$new/$package"_*.deb "$new/unpacked" &&
    mv "$new"/unpacked/boot/vmlinuz-* "$new/vmlinuz" &&
    mv "$new/unpacked/lib/modules" "$new/modules" &&
    vm_depmod "$new" &&
    rm -r "$new/unpacked" "$new/$package"_*.deb &&
    mv -T "$new" "$vm_kernel"
}

# vm_depmod FOLDER: depmod wants modules under lib/modules.
vm_depmod() {
  mkdir -p "$1/unpacked/lib" && ln -s "$1/modules" "$1/unpacked/lib/modules" &&
    PATH=$PATH:/usr/sbin:/sbin depmod -b "$1/unpacked" "$(ls "$1/modules")"
}

# vm_build_initramfs REPOSITORY FILE: busybox, scripts/vm/init and the modules that lead to the root file system.
vm_build_initramfs() {
  local root version module file
  version=$(ls "$vm_kernel/modules")
  root=$(mktemp -d)
  mkdir -p "$root/bin" "$root/lib" "$root/proc" "$root/sys" "$root/dev" "$root/lower" "$root/upper" "$root/root"
  cp "$(command -v busybox)" "$root/bin/busybox"
  install -m 755 "$1/scripts/vm/init" "$root/init"
  for module in virtio_pci 9pnet_virtio 9p overlay virtio_console; do
    # What a module needs comes before it.
    for file in $(sed -n "s|^\([^ ]*/$module\.ko\): *\(.*\)|\1 \2|p" "$vm_kernel/modules/$version/modules.dep" | tr ' ' '\n' | tac); do
      cp -n "$vm_kernel/modules/$version/$file" "$root/lib/"
      grep -qxs "${file##*/}" "$root/lib/order" || echo "${file##*/}" >>"$root/lib/order"
    done
  done
  mkdir -p "$(dirname "$2")"
  (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$2.$$" && mv "$2.$$" "$2"
  rm -r "$root"
}
