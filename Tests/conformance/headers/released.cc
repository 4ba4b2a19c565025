// released.cc - libxl_channel.h in C++17; never run with an argument, only built.
#include "released.h"

#include <string>

int main(int argc, char **)
{
    std::string name = "a C++ header before and after is fine";
    return argc > 1 ? call_everything(nullptr, nullptr, nullptr) : name.empty();
}
