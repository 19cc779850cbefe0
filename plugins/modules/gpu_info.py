#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_info
short_description: Report NVIDIA driver, CUDA version and GPUs of a host
version_added: 0.1.0
description:
  - Asks C(/sys) and C(/proc) first, then NVIDIA's management library (NVML), and C(nvidia-smi) last.
  - On a host without NVIDIA hardware or driver it reads a few files, starts no process, and returns empty values.
  - The library is asked in a child process with a time limit, because a driver in trouble hangs or crashes its callers.
  - Changes nothing. All values are plain return values; no facts are set.
options:
  library:
    description: Ask NVML, and nvidia-smi, where a driver is present. They alone know the CUDA version, memory and compute capability.
    type: bool
    default: true
  timeout:
    description: Time limit in seconds for NVML, and the same again for nvidia-smi.
    type: int
    default: 10
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
attributes:
  check_mode:
    support: full
    details:
      - Reads only, in check mode too.
  diff_mode:
    support: N/A
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
author:
  - lockstep founders (@lockstep)
"""

EXAMPLES = r"""
- name: What GPUs are there
  lockstep.gpufleet.gpu_info:
  register: gpu_info_result

- name: Stop where a GPU has fallen off the bus
  ansible.builtin.assert:
    that: gpu_info_result.gpu_count == 8
    fail_msg: "{{ gpu_info_result.gpu_count }} GPUs instead of 8. {{ gpu_info_result.notes | join(' ') }}"
"""

RETURN = r"""
driver_version:
  description: Version of the loaded kernel driver; without one, the library's.
  returned: always
  type: str
  sample: 580.159.03
driver_flavour:
  description: V(open) or V(proprietary) kernel module.
  returned: always
  type: str
  sample: open
library_version:
  description: Version of the driver that the library belongs to. Differs from RV(driver_version) after an update without a reboot.
  returned: always
  type: str
  sample: 580.159.03
cuda_version:
  description: Newest CUDA that the driver supports.
  returned: always
  type: str
  sample: "13.0"
gpus:
  description: The GPUs, ordered by PCI address. What nobody could tell is null.
  returned: always
  type: list
  elements: dict
  contains:
    bus:
      description: PCI address.
      type: str
      sample: "0000:62:00.0"
    name:
      description: Name of the product.
      type: str
      sample: NVIDIA H100 80GB HBM3
    uuid:
      description: The GPU's own identifier; null when the GPU does not answer.
      type: str
      sample: GPU-9221d5d1-b60b-a624-bf14-0a1819cfda3b
    minor:
      description: Number of the device file C(/dev/nvidiaN).
      type: int
      sample: 5
    memory_mib:
      description: Memory in MiB.
      type: int
      sample: 81559
    compute_capability:
      description: CUDA compute capability.
      type: str
      sample: "9.0"
    firmware:
      description: Version of the GPU's firmware.
      type: str
      sample: 535.129.03
    excluded:
      description: Whether the driver's configuration leaves this GPU out.
      type: bool
gpu_count:
  description: How many GPUs there are.
  returned: always
  type: int
  sample: 8
unclaimed:
  description: NVIDIA GPUs on the PCI bus that the driver C(nvidia) does not hold, with the driver that does, or null.
  returned: always
  type: list
  elements: dict
  sample: [{bus: "0000:01:00.0", driver: nouveau}]
sources:
  description: Which witnesses were heard, of V(files), V(nvml) and V(nvidia-smi).
  returned: always
  type: list
  elements: str
  sample: [files, nvml]
notes:
  description: What a person should know, one sentence each.
  returned: always
  type: list
  elements: str
  sample: ["The NVIDIA GPU at 0000:01:00.0 has no driver."]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu import nvidia_smi, nvml
from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu.child import call_in_child
from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu.files import read_files
from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu.inventory import describe, notes


def main() -> None:
    module = AnsibleModule(
        argument_spec={"library": {"type": "bool", "default": True}, "timeout": {"type": "int", "default": 10}},
        supports_check_mode=True,
    )
    files = read_files()
    sources, answer, said = ["files"], None, []
    if files.signs and module.params["library"]:
        answer, why_not = call_in_child(nvml.query, module.params["timeout"])
        if answer:
            sources.append("nvml")
        else:
            said.append(f"NVML: {why_not}.")
            answer, why_not = nvidia_smi.query(module.params["timeout"])
            if answer:
                sources.append("nvidia-smi")
            else:
                said.append(f"nvidia-smi: {why_not}.")
    module.exit_json(changed=False, sources=sources, notes=said + notes(files, answer), **describe(files, answer))


if __name__ == "__main__":
    main()
