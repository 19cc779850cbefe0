# The function `conda` of POSIX shells: activate and deactivate change the shell itself, so what
# `conda shell.posix ...` prints is evaluated here; every other command runs as a program.

__conda_exe() (
    "$CONDA_EXE" "$@"
)

__conda_evaluate() {
    if [ -n "${CONDA_PS1_BACKUP:+x}" ]; then
        PS1="$CONDA_PS1_BACKUP"
        \unset CONDA_PS1_BACKUP
    fi
    __conda_commands="$(PS1="${PS1:-}" __conda_exe shell.posix "$@")" || {
        \unset __conda_commands
        return 1
    }
    \eval "$__conda_commands"
    \unset __conda_commands
    # The shell remembers where it found programs; the PATH is another one now.
    \hash -r
}

conda() {
    case "${1-}" in
        activate | deactivate)
            __conda_evaluate "$@"
            ;;
        install | update | upgrade | remove | uninstall)
            __conda_exe "$@" || return
            __conda_evaluate reactivate
            ;;
        *)
            __conda_exe "$@"
            ;;
    esac
}

if [ -z "${CONDA_SHLVL+x}" ]; then
    \export CONDA_SHLVL=0
    # condabin makes the program reachable where no function is, as in a child process.
    if [ -n "${CONDA_EXE:+x}" ]; then
        __conda_bin="$(\dirname "$(\dirname "$CONDA_EXE")")/condabin"
        case ":$PATH:" in
            *":$__conda_bin:"*) ;;
            *) PATH="$__conda_bin${PATH:+":$PATH"}" ;;
        esac
        \export PATH
        \unset __conda_bin
    fi
    # Without PS1, `set -u` would stop a script in which an environment is activated.
    if [ -z "${PS1+x}" ]; then
        PS1=
    fi
fi
