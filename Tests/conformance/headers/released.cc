// released.cc - libxl_channel.h in C++17; with an argument, which nobody gives, it calls everything.
#include "released.h"

#include <string>

int main(int argc, char **)
{
    std::string name = "a C++ header before and after is fine";
    return argc > 1 ? call_everything(nullptr, nullptr, nullptr) : use_connections() + name.empty();
}
