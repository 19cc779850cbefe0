# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sha256 of the vendors' installers for Linux, newest release first for each Python.

The values were copied from pyenv (plugins/python-build, commit bec9a562), and compared with the pins of
anaconda/docker-images and andrewrothstein/ansible-miniconda where those have the same file; none contradicted.
They stay on the controller: a host gets only the ones of its release.

This plugin util is private to the collection.
"""

from __future__ import annotations

INSTALLERS: dict[str, dict[str, str]] = {
    "Miniconda3-py310_26.5.3-1": {
        "x86_64": "4a82fe0a50a28e8a9406b3ed8e465b7009aa7d0225566802c3370df96b10d834",
        "aarch64": "d2988632a30ea71e158874b9c5386d016660908fec38ee58125af7783b1a0bf6",
    },
    "Miniconda3-py310_26.3.2-2": {
        "x86_64": "f07a277e0f62e2eabe42a6bc1e2ccd3d40503fbeb2b7adb7e808b2d888355761",
        "aarch64": "4b217efc09a7ce2bed8e818ee3c0242c5b267a96254b64ce55a585eca4a79b1a",
    },
    "Miniconda3-py310_26.1.1-1": {
        "x86_64": "4410410a6343f688bbfd48d80eb23e3125964e254e4c18802679d2e61b06876e",
        "aarch64": "0a78d6620113acd42d840925514c0f5eec9f2e1e8ae4394755c401b3b605875b",
    },
    "Miniconda3-py310_25.11.1-1": {
        "x86_64": "f6174765edd75e1ef2bb3f16e99266d291deebf6532f2f7e800569afc084d0eb",
        "aarch64": "cbac1da35d4c8635384f58b9a776c23fcb3c4dc0b936b8d4d0526f2d0a4b1c4c",
    },
    "Miniconda3-py310_25.9.1-3": {
        "x86_64": "e4dea08f67e7093433c34d02b8947b093a902f1120b283758d5200bd92db594c",
        "aarch64": "bc58460f17ec60d6c920d4352dd4d5e465aa22b56580bd4cd57c9693859761ec",
    },
    "Miniconda3-py310_25.9.1-1": {
        "x86_64": "04a8b03d8b0ec062d923e592201a6fd88b7247c309ef8848afb25c424c40ac39",
        "aarch64": "28fc3db9c7ee63cedab38b0e6006409f1f448be7ffc57b270623efd4422b0608",
    },
    "Miniconda3-py310_25.7.0-2": {
        "x86_64": "647b55a8da07136fa2543fbf6b9719d3a4c2369dec5dd31d2c4bda2b51107717",
        "aarch64": "e13bd0e0b4f70841f78aea8a978eb35cd6afb0af3e2d2b8f85d24636bb56bc21",
    },
    "Miniconda3-py310_25.5.1-1": {
        "x86_64": "84bd8f60fea2e09f1fa72f258132337aff7a20ec1e12dea9d1eff96830cf3d8c",
        "aarch64": "630f724622a3f45f66b3b08f708bc44e2cb595ad147f68750271c6352cb4d734",
    },
    "Miniconda3-py310_25.5.1-0": {
        "x86_64": "aa8cbd6aa7ef85d0528616d2dffce8bd0b51924e7ddd18734ede6c1c63c462d0",
        "aarch64": "6886af5e5db79dfb4429cde937b6f806d02b0e98dd11249c74917661fc7b1f4b",
    },
    "Miniconda3-py310_25.3.1-1": {
        "x86_64": "fa277fc23e40625d4c12a00c0378b4bbb2baee96660796431ee76185fe1b5025",
        "aarch64": "7879e8e2c89d26d8c4776fbad72656afda697e67e2e70b9b8eef368b111d2253",
    },
    "Miniconda3-py310_25.1.1-2": {
        "x86_64": "7f298109ab95b5436632973a04189a125282cc948f1dd1b03fa9cb6c71443915",
        "aarch64": "5f61143e93d9d48a82aa99a1d7b1c77561f599b9a67ab954862e6e8d6a25c0cc",
    },
    "Miniconda3-py310_25.1.1-1": {
        "x86_64": "585972959914f1f9be463284d477717eb10f7306bda63f2ec3c4c86047b9dd72",
        "aarch64": "a72a3247d4c5843bf9ba3e902218ada02e2b75b16260541befd7ac0961077fa9",
    },
    "Miniconda3-py310_25.1.1-0": {
        "x86_64": "2346f43213d3e96abca95d0a7df2575d52c66030f2feb90d3d58ed3eabe76aa3",
        "aarch64": "d8a975d2194aab5ace390c273c5328be89342b956711c1648d02c87e4c4ffeb1",
    },
    "Miniconda3-py310_24.11.1-0": {
        "x86_64": "7a3cdbb78a642b2b6dd0687c9e09824e53330368ab57406e27d88e25c4fe4e40",
        "aarch64": "70fa20d714ba54114c41990a7222a49bd3c833a0f602bd0e0df507bb2f787035",
    },
    "Miniconda3-py310_24.9.2-0": {
        "x86_64": "364869f004c6259268b09a667ed476080bf4f44e9c4ab06a293146df8990d43f",
        "aarch64": "5d022f16ecb01d33ac8c85a87a0a8dccfb025dc90b20dbd56c4b9ae8f9727578",
    },
    "Miniconda3-py311_26.5.3-1": {
        "x86_64": "f1d308a450763ce617f4e4f1609521358f663b2d1c097cfcc11a1c1f09baf680",
        "aarch64": "4a2e39642fcd0b25cf199f5ada4725120a9a40fa10e864d67b8f93e7f2f44dad",
    },
    "Miniconda3-py311_26.3.2-2": {
        "x86_64": "1f5ece9c2c8c5a643f95e0101fab6c824b101e82dee9132c222cbc1c1475bd32",
        "aarch64": "4d18bc365dc233d34b35f30d1e2f3491c7a2956cd84c6a13eaa8851619d894b1",
    },
    "Miniconda3-py311_26.1.1-1": {
        "x86_64": "52d1f19154b0716d7dc0872f0d858702640da08a4e53fd0035ba988608203d6b",
        "aarch64": "1726ea55308160a32e82d90a6f4914caa46f58fe157442224f2faf92fdef1e0e",
    },
    "Miniconda3-py311_25.11.1-1": {
        "x86_64": "cf5fe14f1be074b82908f188ff759b61ddf87ed15a766f8641182ebf190832b4",
        "aarch64": "ed0c6cc091802bc4d1440260d60d431b263f22d5cb9be5df71e7ff176c8f1cd8",
    },
    "Miniconda3-py311_25.9.1-3": {
        "x86_64": "e331037f492848e68764b0c430912b2417b977d654706009ac8eb475e03ae0a2",
        "aarch64": "92a4df72178d87626072b39aca8fa4721f29d192ed0d70e268586f63b41f7657",
    },
    "Miniconda3-py311_25.9.1-1": {
        "x86_64": "238abad23f8d4d8ba89dd05df0b0079e278909a36e06955f12bbef4aa94e6131",
        "aarch64": "4e0723b9d76aa491cf22511dac36f4fdec373e41d2a243ff875e19b8df39bf94",
    },
    "Miniconda3-py311_25.7.0-2": {
        "x86_64": "e072c062a7e017732c97963ef0d9a1cb474b92b7f25c8a032f9632cfe75add4f",
        "aarch64": "28ca561ec2d9a1ae72fbf3f833b8918c747ce21f57d79e218e47bf7d4d2ce792",
    },
    "Miniconda3-py311_25.5.1-1": {
        "x86_64": "94b4cb34b583ce549fb17e3b5e93b6e4adfd4605cf0aa4d5f00bd06f620182e2",
        "aarch64": "39a6d853df41b74aabe37dd666732f7556f81584af789693d7e3005d7a04c64f",
    },
    "Miniconda3-py311_25.5.1-0": {
        "x86_64": "a921abd74e16f5dee8a4d79b124635fac9b939c465ba2e942ea61b3fcd1451d8",
        "aarch64": "3862c5ecba0949c3bdbeeb7d072664215924fbccb25f0d3f33782362c5405e22",
    },
    "Miniconda3-py311_25.3.1-1": {
        "x86_64": "6239d42dacc169e290ac37516b2eb6751763edbd977b237e9688884c7b4ea706",
        "aarch64": "8d2470bdbee7e93d9b4972a3272b63673ba62113282378f98f23b423cc61ef59",
    },
    "Miniconda3-py311_25.1.1-2": {
        "x86_64": "d8c1645776c0758214e4191c605abe5878002051316bd423f2b14b22d6cb4251",
        "aarch64": "8a1d4407fce7ec552ac6ed655ce93d83549e02b819cacefbb7f640f9051e638b",
    },
    "Miniconda3-py311_25.1.1-1": {
        "x86_64": "03a253f7ca5cf1fdfca2aedced769d8479cb559b7c92e70f24c176fd9d23bc8e",
        "aarch64": "288aa5b21b97db7f09bf6da03323b3a3b97d461a4c5bf666be58312eb6b6e311",
    },
    "Miniconda3-py311_25.1.1-0": {
        "x86_64": "9bc631a7edfc015bbf944d5f48c3852e7c0c83aeae0359b75bee9f402942413a",
        "aarch64": "737f02e2e6c192afbef000f6dba79f4dbbe852193c6890243516ea50d916d31c",
    },
    "Miniconda3-py311_24.11.1-0": {
        "x86_64": "807774bae6cd87132094458217ebf713df436f64779faf9bb4c3d4b6615c1e3a",
        "aarch64": "a8846ade7a5ddd9b6a6546590054d70d1c2cbe4fbe8c79fb70227e8fd93ef9f8",
    },
    "Miniconda3-py311_24.9.2-0": {
        "x86_64": "62ef806265659c47e37e22e8f9adce29e75c4ea0497e619c280f54c823887c4f",
        "aarch64": "c4c12d969be6a02cb7370a0c717400e8eec79dea722ef0fba98d745048948980",
    },
    "Miniconda3-py312_26.5.3-1": {
        "x86_64": "ecb43ee4ae30a7a5af87737e9548ceb21f0a10ec55b8dc40d247aa925b80bfec",
        "aarch64": "9e48caecbad9cc43d8a483584f0a5e1da2754189416a8811aaada3f58aceeb67",
    },
    "Miniconda3-py312_26.3.2-2": {
        "x86_64": "32673413a39a21ae3997c9b38236e9df15c9fcef930b510487c64fe259e03f95",
        "aarch64": "03d0268de83af20b3ea4e5a8927559b03e968d20f2e080794bc0fb762510773a",
    },
    "Miniconda3-py312_26.1.1-1": {
        "x86_64": "eef1283cdc9d37f55743778ea4567e91aa28c2e3be4adab529dda324c3c897a2",
        "aarch64": "0a84d50ec92fbb248e31bff0a5888bf2f4dc322fc979e94ecc6e9946d0324ce7",
    },
    "Miniconda3-py312_25.11.1-1": {
        "x86_64": "498ddb7c091002e4fd76e3496d91d2d915b183d1d850bef6e060fd45e2523213",
        "aarch64": "f51aa82c395a2c5854c28ef8b7a24e252d5daca4a7a054ec8d9d6847d1d84518",
    },
    "Miniconda3-py312_25.9.1-3": {
        "x86_64": "07fc00c146a481f7ae2657a31eb7ec0d5d77a107b981d58ab5d7cd8bc99be778",
        "aarch64": "8c5c1d38011fed8053d7bdaaf7fab372c3f71dbb77791e07692fb8059b7828bd",
    },
    "Miniconda3-py312_25.9.1-1": {
        "x86_64": "a0def9c732d94b156529ef7db8edd6e1862cee784a27a4961870dca86e89fba4",
        "aarch64": "11ab86931679e6d9b15112f2e866dad1fcbd89a039a6442c0bce7b86fd282f0a",
    },
    "Miniconda3-py312_25.7.0-2": {
        "x86_64": "188b5d94ab3acefdeaebd7cb470d2fb74a3280563c77075de6e3e1d58d84ab0a",
        "aarch64": "edc03373d75b3a06de594a7f819ad351bd2fa7602854f392107998e62468c783",
    },
    "Miniconda3-py312_25.5.1-1": {
        "x86_64": "e3228df32afc6d43cb190a416b91937cdcd1c6308d9fe652274539a07142966f",
        "aarch64": "b007c6307c9a2081b8abfa0ff16caf0117226a7a9485031853fea125795de7ca",
    },
    "Miniconda3-py312_25.5.1-0": {
        "x86_64": "b99e5bcdf8cd2df9ffd11019eac8a20cf84598267941500935d62e14a0e2a6f6",
        "aarch64": "9bd5765f163568f4ac85b8189aa2b260d1febb1080d085bb2535a3cae2d7f0e4",
    },
    "Miniconda3-py312_25.3.1-1": {
        "x86_64": "8937a2c9a86cfc5495ba2234476f89686beff5c8e0569b1ed5771a927c75107b",
        "aarch64": "4b8078ef311bad880b2497c098d734cd0e7316410a4f4fa1a8dbf6ab9ade98ea",
    },
    "Miniconda3-py312_25.1.1-2": {
        "x86_64": "4766d85b5f7d235ce250e998ebb5a8a8210cbd4f2b0fea4d2177b3ed9ea87884",
        "aarch64": "6d05b9f9b7f327b90797a4cf56d68c81578bab2f63257a3e7a8b72cb0f0e4b5d",
    },
    "Miniconda3-py312_25.1.1-1": {
        "x86_64": "2cc524b9b47b268e1a3ecca1f7f3c1bb4142f42a10001c88fb69c6664ca8a9a6",
        "aarch64": "c8a2112c5ed07196a0e7cf0682ff39c9a28eac5862df49659af7d4f6906efa70",
    },
    "Miniconda3-py312_25.1.1-0": {
        "x86_64": "832de27a5a35b7963f0d83466abada3eb138e51985255f190e0dc350427a9dd1",
        "aarch64": "ae9d3ea83df97e78fd51c452d0bc75005a28d504c22db6f1000822293f916b54",
    },
    "Miniconda3-py312_24.11.1-0": {
        "x86_64": "636b209b00b6673471f846581829d4b96b9c3378679925a59a584257c3fef5a3",
        "aarch64": "9180a2f1fab799fd76e9ef914643269dcf5bad9d455623b905b87f5d39ae140f",
    },
    "Miniconda3-py312_24.9.2-0": {
        "x86_64": "8d936ba600300e08eca3d874dee88c61c6f39303597b2b66baee54af4f7b4122",
        "aarch64": "86b8df7481646cf87e77873e9789adb7569b58248d3aa629eb2da35e6f2e2eed",
    },
    "Miniconda3-py313_26.5.3-1": {
        "x86_64": "7358a5961dc6a4941d087281cd70313728fcc68695735e18a337321bc31c7f51",
        "aarch64": "4eaf1f2d83ede3ad010afa6ad19bef69893ca4667ba5996f51efb3080c08a70d",
    },
    "Miniconda3-py313_26.3.2-2": {
        "x86_64": "2284bafb7863a23411b19874d216e237964d4b32dd9beb6807fa8b2d84570961",
        "aarch64": "81a5e828724478a7a036027a74356ceff0206147d3b1243c8ba32e0cfa187967",
    },
    "Miniconda3-py313_26.1.1-1": {
        "x86_64": "f6dfb5b59614fd7b2956b240b2575a9d58203ec7f7a99f85128158a0fdc5c1d7",
        "aarch64": "07c82b5aec04d5f0f3e4b246835b6bc85e104821cbcb0a059c7ea80f028503f4",
    },
    "Miniconda3-py313_25.11.1-1": {
        "x86_64": "e0b10e050e8928e2eb9aad2c522ee3b5d31d30048b8a9997663a8a460d538cef",
        "aarch64": "9f39cc8c46ca37afed5e563cc234b3add34fea2f1119e076dcae7a377ca6b8ee",
    },
    "Miniconda3-py313_25.9.1-3": {
        "x86_64": "6bec65fcb0c66596a5058c6767d25d89a537eb83ee84684ec0fa5a4fbfb32647",
        "aarch64": "036053e7e6e5866435bc1a11711b41293e5bf0776bb4aa9a7ea46d01f30eda31",
    },
    "Miniconda3-py313_25.9.1-1": {
        "x86_64": "6022714da22986097bbefa13dab3d957257fef04e1c37d1ebd3645b5b99bc9d4",
        "aarch64": "a0de4562c368a8b5ca4385843f405684c79bea7aa3b75d7513ff99c0c6435d51",
    },
    "Miniconda3-py313_25.7.0-2": {
        "x86_64": "dda3629462ba1cfa72eb74535214c2e315c77f1cfb0f02046537e99f1bf64abc",
        "aarch64": "350dc95067e0c87bcaa67367e60ea1caae01872adeb945c760bb4a67518d9673",
    },
    "Miniconda3-py313_25.5.1-1": {
        "x86_64": "612af113b49db0368e2be41ac4d51b7088eebd5f31daeeb89f23fff8f920db58",
        "aarch64": "b7d611dcaa638efd700a4a4eb24fbcb9f7b94cc1773d7c655959c330d0b68e16",
    },
    "Miniconda3-py313_25.5.1-0": {
        "x86_64": "ae15e3f987bdf93edfd6f9dd35b122c34ac72555822f80f5c7c8642595a13197",
        "aarch64": "368d5250682c12d3e1810e8cf5ce4f08e95ccc56c96dcf559567a6b4f72b203d",
    },
    "Miniconda3-py313_25.3.1-1": {
        "x86_64": "53a86109463cfd70ba7acab396d416e623012914eee004729e1ecd6fe94e8c69",
        "aarch64": "4caa0c266ab726b440ccad40a74774167494e001da5de281b74f2d5673e4ace9",
    },
    "Miniconda3-py314_26.5.3-1": {
        "x86_64": "42cfece170da342364a78d629e06b94dfd81b0f2717d7655729100d888d606b4",
        "aarch64": "781abf4cec9b842f5ed508e7c364ed9951380ba11187b80fe5d9c3dbf9ffccea",
    },
    "Miniforge3-26.3.2-3": {
        "x86_64": "848194851a98903134187fbb4ab50efe87b003e0c0f808f97644b7524a62bf2c",
        "aarch64": "2c113a69297e612b01ca0f320c22a3107a11f2ab9b573d79ac868a175945ce29",
    },
    "Miniforge3-26.3.2-2": {
        "x86_64": "42260ffe3830fb953d5eee1bbb32229ff06aa7c3833c1ed7a9a0420a95685d94",
        "aarch64": "f4096a92482b30f04534cddb63d8bc929118318deffac71d90fb89dc52359d22",
    },
    "Miniforge3-26.3.2-1": {
        "x86_64": "0e80314f5f5088fb10bc06139ac6a097644ee009500e74b627192c93362b4502",
        "aarch64": "22b8f855a3934c105a05a164d23f9a4c770dd127ec1ae26ad43114625585d9f2",
    },
    "Miniforge3-26.3.2-0": {
        "x86_64": "1d9b75bdf29ba48d9f10bb155a685baab02d318d1d591d2495f97524579dccc1",
        "aarch64": "b8f0320c0fe9bc9dd24be8896ecf4995bbba4227c9822902daeeb7f3689ba7d3",
    },
    "Miniforge3-26.1.1-3": {
        "x86_64": "b25b828b702df4dd2a6d24d4eb56cfa912471dd8e3342cde2c3d86fe3dc2d870",
        "aarch64": "83280e4ee71a5bd547d6b318f96e9ababe1054911ff6cc2b8801ce5493fe67e5",
    },
    "Miniforge3-26.1.1-2": {
        "x86_64": "831421c1f32d8b510e0ef7f261aaabdbf567bdbba37373432d492621b824ab1f",
        "aarch64": "6525bfb24940c5e063ed14f2d840968b0fc4152a3f4edd253b7a1049a15656e7",
    },
    "Miniforge3-26.1.0-0": {
        "x86_64": "127b5e14cfe6c83b787f624487cdc2168645ed82fdca1b0c1937caa086aed6d5",
        "aarch64": "8baf8844ecf13e1458f81659ea286251d04b2d5ed90040efb77f158adedb2d95",
    },
    "Miniforge3-25.11.0-1": {
        "x86_64": "be1bad9d4e67a8753eb76fb4940e9a08036786675c7adf060627e55791bf110d",
        "aarch64": "43a3783f9e121088f1c92b131b4305b9ebf159424ad2543dfcfc0f1952b5e127",
    },
    "Miniforge3-25.9.1-0": {
        "x86_64": "07f64c1d908ae036e9f6a81f97704899311c0ae677d83980d664b9781d4cc5fc",
        "aarch64": "b2b223680807e8f407b67603f6a5a224452b7f0ce177bc6719f870040c3bfa98",
    },
    "Miniforge3-25.3.1-0": {
        "x86_64": "376b160ed8130820db0ab0f3826ac1fc85923647f75c1b8231166e3d559ab768",
        "aarch64": "a57c9e3d6c0c449c0283fd07e0bfa30d95eb8d547a14e8dc06c606405d01a7f0",
    },
    "Miniforge3-25.3.0-3": {
        "x86_64": "1b57f8cb991982063f79b56176881093abb1dc76d73fda32102afde60585b5a1",
        "aarch64": "ac89f17b0eec4e98d38a53d1ae688e0f22c77d8ea5b5f008c2455e90ef095339",
    },
    "Miniforge3-25.3.0-2": {
        "x86_64": "40cbe16854f3a346cdc5ce6a4bcbbe25973172fa8117a5e6168038173890054b",
        "aarch64": "79a8d3a5f8d3681855545d7f623443e30079e4d26732956ff2f07632e8d2a9ef",
    },
    "Miniforge3-25.3.0-1": {
        "x86_64": "defd7ea7e823257900d404dcf734762359e13bfff451f1bfc7cafa0f7c110247",
        "aarch64": "e4459077f78a9a1fbaa0cd6812897623360ea8ba2e73094ed5df5b662cbb2491",
    },
    "Miniforge3-25.1.1-2": {
        "x86_64": "d1090d98cbae7ed8a9ae19a92cfba6fc47cdc48c8c9b679df78408dba6820eff",
        "aarch64": "99e5b987d6662ce956db33beab94b330a7024561b7f14e79f7ee413100f20927",
    },
    "Miniforge3-25.1.1-1": {
        "x86_64": "73ccbf68c018df3f30bbe15cd69235b5994d8b32b62d50d9389be89736d0a08d",
        "aarch64": "2e9889a77e32b322ce4aef26e465ff44f6493de66243faae9528c1d57c2a91e9",
    },
    "Miniforge3-25.1.1-0": {
        "x86_64": "a37495662f55746d92344b309b8b594d6b1a83d7acdd742adaca93ed2e10d32b",
        "aarch64": "4183d312c6a42edd5bc06be21e92b0d8b9afb720efc37df44f3e5002b35f9d2e",
    },
    "Miniforge3-24.11.3-2": {
        "x86_64": "65af53dad30b3fcbd1cb1d4ad62fd3a86221464754844544558aae3a28795189",
        "aarch64": "d61942220d28e2103ad6303de808fec52d2e276fa698e2ae5d8ab865e194c504",
    },
    "Miniforge3-24.11.3-1": {
        "x86_64": "2163c5c29661ae2850c00a9d03af82db795b822d391ae68a5f8cce62a7483a54",
        "aarch64": "64ee999aaa1e81968345382569780dae499bdc680751b1b408e2030c51397d49",
    },
    "Miniforge3-24.11.3-0": {
        "x86_64": "2e1ad2188fe69fcdd522c2b20c08c800a5c7411b775eca768318b1540ed32e53",
        "aarch64": "d3f2b771857009ec804faeeef191352186194cb5737a831e55c6347a5f47cb8f",
    },
    "Miniforge3-24.11.2-1": {
        "x86_64": "c79c7326a846d6df9ec824e19ccc99454d8f5009e37888df301b23eef11280ca",
        "aarch64": "ef4e191fc6843f343d51b31310d36eacbc1de2899ea233190ff63188ffe30894",
    },
    "Miniforge3-24.11.2-0": {
        "x86_64": "e6ac45dc94bbc93a31802ed8b74f41b653a132e9f5d4d6b028ae00c5a9c563ba",
        "aarch64": "4f182710a6394f81eda2a6f8578c63d4b52842ad8a9c6b54c7a4cf43513cf118",
    },
    "Miniforge3-24.11.0-1": {
        "x86_64": "936836bb2dd546a7ab5999bed2a2d1ce8416c5359e28199df8b384529a85dcac",
        "aarch64": "21e5af2d961a19535e1ba8d67d8ce46c522b6e616dea826c6987ff4db8499b73",
    },
    "Miniforge3-24.11.0-0": {
        "x86_64": "5fa69e4294be07229a94a1c1e8073fbf63894c757c2136f98c87b48f9d458793",
        "aarch64": "47cfd3caf3a0a6f56ebbfc7da775306fe076b8e49b14d3fd88b5463ab324c185",
    },
}
"""Distribution and release -> architecture (as ``uname -m`` says) -> sha256 of the installer."""
