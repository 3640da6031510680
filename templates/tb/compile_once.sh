# Stands before the C++ compiler when Verilator builds (its OBJCACHE): each file of Verilator's run-time library, which takes
# longer than a block does, is compiled once for each set of flags.
#
#   sh compile_once.sh DIRECTORY COMPILER ARGUMENT... -o OBJECT ARGUMENT... SOURCE

kept=$1
shift
previous=
object=
for argument; do
  if [ "$previous" = -o ]; then object=$argument; fi
  previous=$argument
done
name=${previous##*/}

case $name in
  verilated*.cpp) ;;
  *) exec "$@" ;;
esac

kept=$kept/${name%.cpp}-$(echo "$@" | cksum | tr ' ' -).o
if [ -f "$kept" ]; then
  cp "$kept" "$object"
else
  "$@" || exit
  mkdir -p "${kept%/*}"
  cp "$object" "$kept.$$"
  mv "$kept.$$" "$kept"
fi
